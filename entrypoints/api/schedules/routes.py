"""The schedules of a pipeline."""

from application.ports.queries.reader import Reader
from entrypoints.api.pipelines.dependencies import PipelineDep
from entrypoints.api.schedules.models import ScheduleResponse
from entrypoints.api.shared.dependencies import ApplicationDep, ReaderDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.container import Application
from entrypoints.http.auth.permissions import READ, ResourceScope, requires

router = create_router("schedules")


@router.get("/pipelines/{pipeline_id}/schedules", summary="List a pipeline's schedules", responses=problems(404, 422, 503))
@requires(READ, ResourceScope.PIPELINE)
async def list_schedules(pipeline: PipelineDep, reader: ReaderDep, application: ApplicationDep) -> list[ScheduleResponse]:
    """Return the schedules of the newest revision, oldest first, each with the time at which it fires next and its last tick."""
    return await list_schedule_responses(application, reader, pipeline.id)


async def list_schedule_responses(application: Application, reader: Reader, pipeline_id: int) -> list[ScheduleResponse]:
    """Return the pipeline's schedules with their last ticks."""
    schedules = await reader.schedules(pipeline_id)
    ticks = await reader.recent_ticks([schedule.id for schedule in schedules], 1) if schedules else []
    explain = application.adapters.cron_expressions().explain
    return [ScheduleResponse.from_parts(schedule, ticks, explain) for schedule in schedules]
