"""Every response fits the response model of its route."""

from typing import Any

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter

from entrypoints.api.deployments.models import DeploymentResponse
from entrypoints.api.events.models import EventResponse
from entrypoints.api.history.models import FailureResponse, StageTimesResponse, WaitingStageResponse
from entrypoints.api.logs.models import LogLineResponse
from entrypoints.api.pipelines.models import PipelineResponse
from entrypoints.api.pipelines.revision_models import RevisionDetailResponse, RevisionResponse
from entrypoints.api.reports.models import BatchItemResponse, StatusUpdateResponse
from entrypoints.api.routers import PLAIN_ROUTES, ROUTERS
from entrypoints.api.runs.models import RunResponse, StageResponse
from entrypoints.api.shared.models import ProblemResponse
from entrypoints.api.system.models import LivenessResponse, ReadinessResponse
from tests.support.in_process import InProcessHeadgate

WITHOUT_MODEL = {
    "/events/": "a stream",
    "/worker/stream": "a stream",
    "/audit/export": "a file",
    "/openapi.json": "the document itself",
    "/schemas/pipeline.json": "the document itself",
    "/docs/openapi-3.0.json": "the document itself",
    "/docs": "a page",
    "/docs/start.js": "a file",
    "/docs/swagger-ui.css": "a file",
    "/docs/swagger-ui-bundle.js": "a file",
    "/pipelines/{pipeline_id}": "no content after DELETE",
    "/pipelines/{pipeline_id}/revisions/{number}/source": "a text",
    "/channels/{name}": "no content after DELETE",
    "/alert-rules/{name}": "no content after DELETE",
    "/worker/dispatches/{run_id}/{epoch}/recorded": "no content",
    "/worker/cancelled-in-prefect": "no content",
    "/worker/leave": "no content",
    "/worker/bursts/{rest:path}": "always refused",
}
RESPONSES: list[tuple[str, Any]] = [
    ("/pipelines/", list[PipelineResponse]),
    ("/pipelines/1", PipelineResponse),
    ("/pipelines/1/stages", list[StageResponse]),
    ("/pipelines/1/runs", list[RunResponse]),
    ("/pipelines/1/revisions", list[RevisionResponse]),
    ("/pipelines/1/revisions/1", RevisionDetailResponse),
    ("/pipelines/1/failures", list[FailureResponse]),
    ("/pipelines/1/history", list[StageTimesResponse]),
    ("/prefect/deployments", list[DeploymentResponse]),
    ("/runs/", list[RunResponse]),
    ("/runs/1", RunResponse),
    ("/runs/1/stages", list[StageResponse]),
    ("/runs/1/events", list[EventResponse]),
    ("/runs/1/logs", list[LogLineResponse]),
    ("/waiting/", list[WaitingStageResponse]),
    ("/livez", LivenessResponse),
    ("/readyz", ReadinessResponse),
    ("/nope", ProblemResponse),
]
WITHOUT_ITEMS = {"/pipelines/1/failures", "/pipelines/1/history", "/runs/1/logs"}
STAGES: list[dict[str, Any]] = [
    {"name": "extract", "command": ["true"], "needs": [], "retries": 2},
    {"name": "load", "callable": "a.b:c", "needs": []},
    {"name": "fetch", "kind": "http", "url": "https://example.com/", "needs": []},
    {"name": "ask", "kind": "approval", "message": "Publish?", "needs": []},
    {"name": "certify", "kind": "external", "needs": []},
    {"name": "train", "deployment": "ml/train", "parameters": {"day": 7}, "needs": []},
]


def test_every_route_has_a_response_model_or_a_reason() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]

    assert {route.path for route in routes if route.response_model is None} == set(WITHOUT_MODEL)
    assert [route.path for route in PLAIN_ROUTES] == [
        "/status-update/",
        "/status-update/batch",
        "/worker/dispatches/{run_id}/{epoch}/advance",
        "/livez",
    ]


@pytest.mark.parametrize(("path", "model"), RESPONSES)
async def test_a_response_is_exactly_what_its_model_serializes(headgate: InProcessHeadgate, path: str, model: type[BaseModel]) -> None:
    headgate.fakes.deployments.add("ml/train", {"type": "object", "properties": {"day": {}}}, defaults={"day": 1})
    await headgate.api.create_pipeline("flights", *STAGES, parameters={"type": "object"})
    await headgate.api.trigger()

    answer = await headgate.client.get(path)

    assert bool(answer.json()) is (path not in WITHOUT_ITEMS)
    assert_fits(answer, model)


async def test_reports_are_answered_as_their_models_say(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.trigger()
    update = {"pipeline_id": "flights", "stage_name": "certify", "status": "running"}

    single = await headgate.client.post("/status-update/", json=update)
    batch = await headgate.client.post("/status-update/batch", json={"updates": [update, {"status": "?"}, 7]})

    assert_fits(single, StatusUpdateResponse)
    assert_fits(batch, list[BatchItemResponse])
    assert [item["http_status"] for item in batch.json()] == [200, 422, 422]


def assert_fits(answer: Any, model: Any) -> None:
    adapter = TypeAdapter(model)
    assert adapter.dump_python(adapter.validate_json(answer.content), mode="json", by_alias=True, exclude_unset=True) == answer.json()
