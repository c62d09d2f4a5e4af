"""The document says what the API does: shapes, examples, errors."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter

from entrypoints.api.shared import examples, response_models
from tests.support.in_process import InProcessHeadgate


@pytest.fixture
async def document(headgate: InProcessHeadgate) -> dict[str, Any]:
    return (await headgate.client.get("/openapi.json")).json()  # type: ignore[no-any-return]


def _operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{method} {path}", operation) for path, item in document["paths"].items() for method, operation in item.items()]


def _media(operation: dict[str, Any]) -> list[dict[str, Any]]:
    bodies = [operation["requestBody"], *operation["responses"].values()] if "requestBody" in operation else operation["responses"].values()
    return [media for body in bodies for media in body.get("content", {}).values()]


async def test_it_lists_the_seeds_routes_and_the_rest_but_not_the_workers(document: dict[str, Any]) -> None:
    routes = {name for name, _ in _operations(document)}

    assert {"get /pipelines/", "post /pipelines/", "get /pipelines/{pipeline_id}", "get /pipelines/{pipeline_id}/stages"} <= routes
    assert {"post /status-update/", "post /trigger/{pipeline_id}", "get /runs/{id}/events", "get /events/"} <= routes
    assert not [name for name in routes if "/worker/" in name]
    assert len(routes) == 37


async def test_every_route_has_its_words_examples_and_declared_errors(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in _operations(document)]

    assert len(ids) == len(set(ids))
    for name, operation in _operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert _media(operation), name
        assert all("example" in media and "schema" in media for media in _media(operation)), name
        assert all(status < "400" or "application/problem+json" in answer["content"] for status, answer in operation["responses"].items())


async def test_every_reference_leads_somewhere_and_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    checked = 0
    for name, operation in _operations(document):
        for media in _media(operation):
            whole = {**media["schema"], "components": document["components"]}
            Draft202012Validator.check_schema(whole)
            errors = [error.message for error in Draft202012Validator(whole).iter_errors(media["example"])]
            assert errors == [], name
            checked += 1
    assert checked > 60


async def test_examples_that_are_sent_are_taken(headgate: InProcessHeadgate) -> None:
    created = await headgate.client.post("/pipelines/", json=examples.DEFINITION)
    triggered = await headgate.client.post("/trigger/flights", json=examples.TRIGGER)
    reported = await headgate.client.post("/status-update/", json=examples.STATUS_UPDATE)
    cancelled = await headgate.client.post("/runs/1/cancel", json=examples.CANCEL)

    assert [answer.status_code for answer in (created, triggered, reported, cancelled)] == [201, 202, 200, 202]


ANSWERS: list[tuple[str, Any]] = [
    ("/pipelines/", list[response_models.PipelineResponse]),
    ("/pipelines/1", response_models.PipelineResponse),
    ("/pipelines/1/stages", list[response_models.StageResponse]),
    ("/pipelines/1/runs", list[response_models.RunResponse]),
    ("/runs/1", response_models.RunResponse),
    ("/runs/1/stages", list[response_models.StageResponse]),
    ("/runs/1/events", list[response_models.EventResponse]),
    ("/readyz", response_models.ReadinessResponse),
    ("/nope", response_models.ProblemResponse),
]


@pytest.mark.parametrize(("path", "shape"), ANSWERS)
async def test_what_is_answered_has_the_declared_shape(headgate: InProcessHeadgate, path: str, shape: type[BaseModel]) -> None:
    await headgate.client.post("/pipelines/", json=examples.DEFINITION)
    await headgate.api.trigger()

    answer = await headgate.client.get(path)

    TypeAdapter(shape).validate_json(answer.content)
    assert answer.json()


async def test_the_docs_page_loads_nothing_from_elsewhere_and_has_no_inline_script(headgate: InProcessHeadgate) -> None:
    page = (await headgate.client.get("/docs")).text

    assert "http" not in page.replace("http-equiv", "")
    assert "<script>" not in page


async def test_swagger_gets_a_document_it_can_read(headgate: InProcessHeadgate) -> None:
    document = (await headgate.client.get("/docs/openapi-3.0.json")).json()

    assert document["openapi"] == "3.0.3"
    assert '{"type": "null"}' not in str(document).replace("'", '"')
