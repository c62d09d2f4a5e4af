"""A pipeline's schedules, as its page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration
from application.queries.schedules.preview import TickPreview
from application.queries.views.schedules import ScheduleView, TickView
from domain.schedules.definition import DEFAULT_CATCH_UP_WINDOW, CatchUpPolicy, OverlapPolicy, ScheduleDefinition
from domain.schedules.ticks import get_zone
from domain.schedules.words import ExplainCron, describe_recurrence
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp, pluralize
from entrypoints.web.view_models.schedules.next_times import NextTime, build_next_times, format_day_time
from entrypoints.web.view_models.schedules.tick_strip import TickItem, build_tick_strip

_OVERLAP = {
    OverlapPolicy.SKIP: "skipped while its earlier run is not over",
    OverlapPolicy.QUEUE_ONE: "one tick waits for the earlier run",
    OverlapPolicy.QUEUE_ALL: "ticks wait for the earlier run",
    OverlapPolicy.CANCEL_RUNNING: "cancels its earlier run",
    OverlapPolicy.ALLOW: "runs can overlap",
}
_CATCH_UP = {
    CatchUpPolicy.NONE: "missed ticks never run",
    CatchUpPolicy.LATEST: "the latest missed tick runs late",
    CatchUpPolicy.ALL: "missed ticks run late",
}


@dataclass(frozen=True, slots=True)
class ScheduleItem:
    """A schedule's live part. `paused_since` is set while it is paused; `is_held` is True while its pipeline is paused or archived.

    `last` is the newest tick if there is something to say about it.
    """

    id: int
    name: str
    words: str
    options: str
    zone: str
    next_times: Sequence[NextTime]
    ticks: Sequence[TickItem]
    last: TickItem | None
    paused_since: Timestamp | None
    paused_by: str
    paused_until: Timestamp | None
    is_held: bool = False


def build_schedule_item(
    schedule: ScheduleView, upcoming: Sequence[TickPreview], ticks: Sequence[TickView], explain_cron: ExplainCron, *, is_held: bool = False
) -> ScheduleItem:
    """Return the item. `upcoming` are its next ticks, `ticks` its last ones, oldest first."""
    strip = build_tick_strip(ticks, get_zone(schedule.definition.recurrence))
    return ScheduleItem(
        id=schedule.id,
        name=schedule.name,
        words=describe_recurrence(schedule.definition.recurrence, explain_cron),
        options=" · ".join(describe_options(schedule.definition)),
        zone=schedule.definition.recurrence.timezone,
        next_times=build_next_times(upcoming),
        ticks=strip,
        last=strip[-1] if strip and strip[-1].message else None,
        paused_since=format_timestamp(schedule.paused_at),
        paused_by=schedule.paused_by or "",
        paused_until=format_timestamp(schedule.paused_until),
        is_held=is_held,
    )


def describe_options(definition: ScheduleDefinition) -> list[str]:
    """Return what the definition says beside the recurrence, in words."""
    zone = get_zone(definition.recurrence)

    def format_local(at: datetime) -> str:
        return format_day_time(at.astimezone(zone))

    options = [_OVERLAP[definition.overlap], _CATCH_UP[definition.catch_up]]
    if definition.catch_up is not CatchUpPolicy.NONE and definition.catch_up_window != DEFAULT_CATCH_UP_WINDOW:
        options[-1] += f", within {format_duration(definition.catch_up_window)}"
    if definition.jitter:
        options.append(f"delayed by up to {format_duration(definition.jitter)}")
    if definition.start is not None:
        options.append(f"from {format_local(definition.start)}")
    if definition.end is not None:
        options.append(f"until {format_local(definition.end)}")
    if definition.skip:
        options.append(f"not on {pluralize(len(definition.skip), 'date')}")
    return options
