"""Loading of a pipeline's schedules with their next and their last ticks."""

from collections.abc import Sequence
from datetime import timedelta

from application.queries.schedules.preview import TickPreview
from application.queries.views.pipelines import PipelineView
from application.queries.views.schedules import ScheduleView
from domain.schedules.ticks import get_zone
from entrypoints.web.page_context import PageContext
from entrypoints.web.view_models.schedules.next_times import SHOWN as NEXT_TIMES
from entrypoints.web.view_models.schedules.schedule_item import ScheduleItem, build_schedule_item
from entrypoints.web.view_models.schedules.tick_strip import SHOWN as LAST_TICKS

MAX_CACHED = 1_000
MAX_TICKS = 240
"""Ticks on a page. With many schedules, fewer of each are shown."""
_INSTANT = timedelta(microseconds=1)


async def load_schedule_items(context: PageContext, pipeline: PipelineView) -> list[ScheduleItem]:
    """Return the pipeline's schedules, oldest first."""
    schedules = await context.reader.schedules(pipeline.id)
    if not schedules:
        return []
    shown = min(LAST_TICKS, MAX_TICKS // len(schedules))
    ticks = await context.reader.recent_ticks([schedule.id for schedule in schedules], shown)
    is_held = pipeline.activation.is_archived or pipeline.activation.is_paused(context.now())
    return [
        build_schedule_item(
            schedule,
            [] if is_held else await load_next_ticks(context, schedule),
            [tick for tick in ticks if tick.schedule_id == schedule.id],
            context.explain_cron,
            is_held=is_held,
        )
        for schedule in schedules
    ]


async def load_next_ticks(context: PageContext, schedule: ScheduleView) -> Sequence[TickPreview]:
    """Return the next ticks; none while it is paused. The first is the one that the store will fire."""
    if schedule.next_run_at is None or schedule.next_due_at is None:
        return []
    state = (schedule.definition, schedule.pipeline_id, schedule.next_due_at, schedule.next_run_at)
    cached = context.next_ticks.get(schedule.id)
    if cached is None or cached[0] != state:
        if len(context.next_ticks) >= MAX_CACHED:
            context.next_ticks.clear()
        cached = context.next_ticks[schedule.id] = (state, await _compute_next_ticks(context, schedule))
    return cached[1]


async def _compute_next_ticks(context: PageContext, schedule: ScheduleView) -> list[TickPreview]:
    at, due_at = schedule.next_run_at, schedule.next_due_at
    assert at is not None and due_at is not None
    ticks = await context.preview_ticks(schedule.definition, NEXT_TIMES, at - _INSTANT, schedule.pipeline_id)
    if ticks and ticks[0].scheduled_for == due_at:
        return ticks
    stored = TickPreview(at, due_at, at.astimezone(get_zone(schedule.definition.recurrence)), None)
    return [stored, *ticks][:NEXT_TIMES]
