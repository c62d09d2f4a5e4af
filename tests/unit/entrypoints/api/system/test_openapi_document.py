"""The OpenAPI document, and the pages that show it."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.support.in_process import InProcessHeadgate


@pytest.fixture
async def document(headgate: InProcessHeadgate) -> dict[str, Any]:
    return (await headgate.client.get("/openapi.json")).json()  # type: ignore[no-any-return]


def list_operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"{method} {path}", operation) for path, item in document["paths"].items() for method, operation in item.items()]


def list_media(operation: dict[str, Any]) -> list[dict[str, Any]]:
    bodies = [operation["requestBody"], *operation["responses"].values()] if "requestBody" in operation else operation["responses"].values()
    return [media for body in bodies for media in body.get("content", {}).values()]


def get_body_example(document: dict[str, Any], method: str, path: str) -> Any:
    return document["paths"][path][method]["requestBody"]["content"]["application/json"]["example"]


async def test_it_lists_every_route_except_the_workers(document: dict[str, Any]) -> None:
    routes = {name for name, _ in list_operations(document)}

    assert {"get /pipelines/", "post /pipelines/", "get /pipelines/{pipeline_id}", "get /pipelines/{pipeline_id}/stages"} <= routes
    assert {"post /status-update/", "post /trigger/{pipeline_id}", "get /runs/{id}/events", "get /events/"} <= routes
    assert not [name for name in routes if "/worker/" in name]
    assert len(routes) == 90


async def test_every_route_has_a_description_examples_and_errors(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in list_operations(document)]

    assert len(ids) == len(set(ids))
    for name, operation in list_operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert list_media(operation), name
        assert all("example" in media and "schema" in media for media in list_media(operation)), name
        assert all(status < "400" or "application/problem+json" in answer["content"] for status, answer in operation["responses"].items())


async def test_every_reference_resolves_and_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    checked = 0
    for name, operation in list_operations(document):
        for media in list_media(operation):
            whole = {**media["schema"], "components": document["components"]}
            Draft202012Validator.check_schema(whole)
            errors = [error.message for error in Draft202012Validator(whole).iter_errors(media["example"])]
            assert errors == [], name
            checked += 1
    assert checked > 60


async def test_the_examples_of_requests_are_accepted(headgate: InProcessHeadgate, document: dict[str, Any]) -> None:
    async def post(path: str, url: str) -> int:
        return (await headgate.client.post(url, json=get_body_example(document, "post", path))).status_code

    assert await post("/pipelines/", "/pipelines/") == 201
    assert await post("/trigger/{pipeline_id}", "/trigger/flights") == 202
    assert await post("/status-update/", "/status-update/") == 200
    assert await post("/status-update/batch", "/status-update/batch") == 200
    assert await post("/runs/{id}/cancel", "/runs/1/cancel") == 202


async def test_a_body_that_may_be_left_out_is_not_required(document: dict[str, Any]) -> None:
    assert not document["paths"]["/trigger/{pipeline_id}"]["post"]["requestBody"].get("required", False)
    assert document["paths"]["/pipelines/"]["post"]["requestBody"]["required"]


async def test_the_docs_page_loads_nothing_external_and_has_no_inline_script(headgate: InProcessHeadgate) -> None:
    page = (await headgate.client.get("/docs")).text

    assert "http" not in page.replace("http-equiv", "")
    assert "<script>" not in page


async def test_swagger_ui_gets_a_document_that_it_can_read(headgate: InProcessHeadgate) -> None:
    document = (await headgate.client.get("/docs/openapi-3.0.json")).json()

    assert document["openapi"] == "3.0.3"
    assert '{"type": "null"}' not in str(document).replace("'", '"')
