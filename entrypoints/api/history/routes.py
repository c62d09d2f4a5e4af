"""Waiting stages, failures, stage durations, and the comparison of two runs."""

from application.queries.runs.load_comparison import load_comparison
from application.queries.runs.similar_failures import SIMILAR_RUNS
from application.queries.views.runs import StageRunView
from domain.runs.status import Reason, Status
from entrypoints.api.history.models import ComparisonResponse, FailureResponse, StageTimesResponse, WaitingStageResponse
from entrypoints.api.pipelines.dependencies import PipelineDep
from entrypoints.api.runs.dependencies import OtherRunDep, RunDep
from entrypoints.api.shared.dependencies import ReaderDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import Limit
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import READ, ResourceScope, requires

router = create_router("runs")
_INPUT_REASONS = (Reason.APPROVAL, Reason.EXTERNAL, Reason.PAUSED)


@router.get("/waiting/", summary="List stages that wait for input", responses=problems(422, 503))
@requires(READ)
async def list_waiting(reader: ReaderDep, limit: Limit = 100) -> list[WaitingStageResponse]:
    """Return the stages that wait for an approval or an external report, or whose flow run is paused in Prefect, those of the oldest run
    first. `limit` counts runs."""
    runs = await reader.waiting_runs(limit)
    return [WaitingStageResponse.from_view(run, stage) for run in runs for stage in run.stages if _is_waiting_for_input(stage)]


@router.get("/pipelines/{pipeline_id}/failures", summary="List a pipeline's failures, grouped", responses=problems(404, 422, 503))
@requires(READ, ResourceScope.PIPELINE)
async def list_failures(pipeline: PipelineDep, reader: ReaderDep) -> list[FailureResponse]:
    """Return the failures of the last 100 runs, the most recent first; `first_at` and `first_run` refer to all runs. Errors of a stage
    that differ only in times, numbers, ids, addresses or paths are one failure, and each run counts once."""
    return [FailureResponse.from_view(failure) for failure in await reader.failures(pipeline.id, SIMILAR_RUNS)]


@router.get("/pipelines/{pipeline_id}/history", summary="Get the durations of a pipeline's stages", responses=problems(404, 422, 503))
@requires(READ, ResourceScope.PIPELINE)
async def stage_times(pipeline: PipelineDep, reader: ReaderDep) -> list[StageTimesResponse]:
    """Return the median and the 95th percentile of each stage's completed attempts, over the last 20 runs."""
    return [StageTimesResponse.from_view(times) for times in await reader.stage_times(pipeline.id)]


@router.get("/runs/{id}/compare/{other}", summary="Compare two runs", responses=problems(404, 409, 422, 503))
@requires(READ, ResourceScope.RUN)
async def compare_runs(before: RunDep, after: OtherRunDep, reader: ReaderDep) -> ComparisonResponse:
    """Return what differs between the first run and the second: parameters, definition, stages' durations and records, and the first error
    that differs. 409 for runs of different pipelines."""
    return ComparisonResponse.from_view(await load_comparison(before, after, reader))


def _is_waiting_for_input(stage: StageRunView) -> bool:
    attempt = stage.newest
    return attempt.status is Status.WAITING and attempt.reason in _INPUT_REASONS and attempt.deadline_at is not None
