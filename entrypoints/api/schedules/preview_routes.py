"""When a schedule fires next: one of a pipeline, or one that is not stored."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from application.queries.schedules.preview import MAX_TICKS
from domain.errors import NotFound
from entrypoints.api.pipelines.dependencies import PipelineDep
from entrypoints.api.schedules.preview_models import DEFAULT_COUNT, PreviewRequest, TickPreviewResponse, parse_preview
from entrypoints.api.shared.dependencies import ApplicationDep, ReaderDep
from entrypoints.api.shared.models import parse_timestamp
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import READ, ResourceScope, requires

router = create_router("schedules")
_INSTANT = timedelta(microseconds=1)
ScheduleName = Annotated[str, Path(max_length=100, description="The schedule's name.")]
Count = Annotated[int, Query(ge=1, le=MAX_TICKS, description="Maximum number of times to return.")]
AfterTime = Annotated[
    datetime | None,
    BeforeValidator(parse_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Query(description="Only later times; now by default."),
]


@router.get(
    "/pipelines/{pipeline_id}/schedules/{name}/next", summary="List the next times of a schedule", responses=problems(404, 422, 503)
)
@requires(READ, ResourceScope.PIPELINE)
async def list_next_ticks(
    pipeline: PipelineDep,
    name: ScheduleName,
    reader: ReaderDep,
    application: ApplicationDep,
    count: Count = DEFAULT_COUNT,
    after: AfterTime = None,
) -> list[TickPreviewResponse]:
    """Return the next times at which the schedule fires unless it is paused, within 30 years.

    Notes explain clock changes. Without `after`, past ticks are left out, even if the clock was set back.
    """
    schedule = next((each for each in await reader.schedules(pipeline.id) if each.name == name), None)
    if schedule is None:
        raise NotFound("schedule", name, f"pipeline {pipeline.name}")
    if after is None:
        if schedule.next_due_at is None:
            return []
        after = max(schedule.next_due_at - _INSTANT, application.adapters.clock().now())
    ticks = await application.preview_ticks()(schedule.definition, count, after, pipeline.id)
    return [TickPreviewResponse.from_view(tick) for tick in ticks]


@router.post("/schedules/preview", summary="Preview the times of a schedule", responses=problems(413, 422, 503))
@requires(READ)
async def preview_schedule(body: PreviewRequest, application: ApplicationDep) -> list[TickPreviewResponse]:
    """Return the next times of a schedule that is not stored, within 30 years, without jitter. Nothing is stored."""
    schedule, count, after = parse_preview(body.root)
    return [TickPreviewResponse.from_view(tick) for tick in await application.preview_ticks()(schedule, count, after)]
