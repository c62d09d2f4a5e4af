"""What history tells: what waits, which failures are alike, how long stages take, how two runs differ."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from application.ports.queries.reader import Reader
from application.queries.runs.comparison import Comparison, Difference
from application.queries.runs.load_comparison import load_comparison
from application.queries.views.history import FailureView
from application.queries.views.runs import RunView, StageRunView
from domain.errors import NotFound
from domain.runs.status import Reason, Status
from entrypoints.api.runs.routes import require_run
from entrypoints.api.shared import examples
from entrypoints.api.shared.dependencies import Limit, ReaderDep, parse_pipeline_ref
from entrypoints.api.shared.etags import etag_response
from entrypoints.api.shared.openapi import answers
from entrypoints.api.shared.response_models import ComparisonResponse, FailureResponse, StageTimesResponse, WaitingStageResponse
from entrypoints.http.auth.permissions import READ, ResourceScope, requires

router = APIRouter(tags=["runs"])
MAX_ANALYZED_RUNS = 500
_AWAITED = (Reason.APPROVAL, Reason.EXTERNAL)


@router.get(
    "/waiting/",
    summary="What waits for somebody",
    operation_id="list_waiting",
    responses=answers(200, list[WaitingStageResponse], [examples.WAITING], problems=(422, 503)),
)
@requires(READ)
async def list_waiting(request: Request, reader: ReaderDep, limit: Limit = 100) -> Response:
    """Stages that wait for a person's approval or a machine's report, the oldest run first. `limit` counts runs."""
    runs = await reader.waiting_runs(limit)
    return etag_response(request, [_waiting(run, stage) for run in runs for stage in run.stages if is_waiting_for_input(stage)])


@router.get(
    "/pipelines/{pipeline_id}/failures",
    summary="A pipeline's failures, alike ones as one",
    operation_id="list_failures",
    responses=answers(200, list[FailureResponse], [examples.FAILURE], problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.PIPELINE)
async def list_failures(pipeline_id: str, request: Request, reader: ReaderDep) -> Response:
    """Those of its last 500 runs, the latest seen first; `first_at` and `first_run` are of all its runs. Times, numbers, ids, addresses and
    paths do not make errors differ."""
    found = await reader.failures(await _pipeline_id(pipeline_id, reader), MAX_ANALYZED_RUNS)
    return etag_response(request, [_failure(failure) for failure in found])


@router.get(
    "/pipelines/{pipeline_id}/history",
    summary="How long a pipeline's stages take",
    operation_id="stage_times",
    responses=answers(200, list[StageTimesResponse], [examples.STAGE_TIMES], problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.PIPELINE)
async def stage_times(pipeline_id: str, request: Request, reader: ReaderDep) -> Response:
    """The median and the 95th percentile of each stage's completed attempts, over the last 20 runs."""
    times = await reader.stage_times(await _pipeline_id(pipeline_id, reader))
    return etag_response(request, [{name: getattr(each, name) for name in ("stage", "median", "slow", "count")} for each in times])


@router.get(
    "/runs/{id}/compare/{other}",
    summary="Compare two runs",
    operation_id="compare_runs",
    responses=answers(200, ComparisonResponse, examples.COMPARISON, problems=(404, 409, 422, 503)),
)
@requires(READ)
async def compare_runs(id: str, other: str, request: Request, reader: ReaderDep) -> Response:
    """What differs from the first to the second: parameters, definition, stages' times and records, the first error that is not the same.
    409 for runs of different pipelines."""
    return etag_response(
        request, _comparison(await load_comparison(await require_run(id, reader), await require_run(other, reader), reader))
    )


def is_waiting_for_input(stage: StageRunView) -> bool:
    newest = stage.newest
    return newest.status is Status.WAITING and newest.reason in _AWAITED and newest.deadline_at is not None


async def _pipeline_id(text: str, reader: Reader) -> int:
    found = await reader.pipeline(parse_pipeline_ref(text))
    if found is None:
        raise NotFound("pipeline", text)
    return found.id


def _waiting(run: RunView, stage: StageRunView) -> dict[str, Any]:
    newest = stage.newest
    links = {"run": f"/runs/{run.id}", "page": f"/ui/runs/{run.id}"}
    if newest.reason is Reason.APPROVAL:
        links |= {act: f"/runs/{run.id}/stages/{stage.name}/{act}" for act in ("approve", "reject")}
    return {
        "run_id": run.id,
        "number": run.number,
        "pipeline_id": run.pipeline_id,
        "pipeline": run.pipeline,
        "stage": stage.name,
        "reason": newest.reason,
        "message": stage.message,
        "approvers": list(stage.approvers),
        "since": stage.waiting_since,
        "deadline": newest.deadline_at,
        "links": links,
    }


def _failure(failure: FailureView) -> dict[str, Any]:
    named = ("fingerprint", "stage", "message", "count", "first_at", "last_at")
    return {name: getattr(failure, name) for name in named} | {
        "first_run": failure.first_run[0] if failure.first_run else None,
        "runs": [run_id for run_id, _ in failure.runs],
    }


def _comparison(found: Comparison) -> dict[str, Any]:
    error = found.error
    return {
        "before": found.before.id,
        "after": found.after.id,
        "parameters": _differences(found.parameters),
        "definition": _differences(found.definition),
        "stages": [
            {
                "stage": pair.name,
                "status": [stage.status if stage else None for stage in (pair.before, pair.after)],
                "seconds": list(pair.seconds),
                "records": list(pair.records),
            }
            for pair in found.stages
        ],
        "error": {name: getattr(error, name) for name in ("stage", "before", "after", "is_alike")} if error else None,
    }


def _differences(found: Sequence[Difference]) -> list[dict[str, Any]]:
    return [{name: getattr(each, name) for name in ("path", "before", "after", "missing")} for each in found]
