"""The last ticks of a schedule: a mark for each, and a table with the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache

from application.queries.views.schedules import TickView
from domain.runs.status import Status
from domain.schedules.tick import TickState
from entrypoints.web.view_models.formatting import DASH, StatusLabel, Timestamp, format_timestamp, get_status_label, pluralize, shorten_json
from entrypoints.web.view_models.schedules.next_times import format_day_time
from entrypoints.web.view_models.schedules.why import get_why_path

SHOWN = 30
"""Ticks of a schedule that are shown."""
WIDTH = 20
MAX_MESSAGE_LENGTH = 160
_WORDS = {
    TickState.FIRED: "Fired",
    TickState.LATE: "Late",
    TickState.WAITING: "Waiting",
    TickState.MISSED: "Missed",
    TickState.SKIPPED: "Skipped",
    TickState.PAUSED: "Paused",
}


@dataclass(frozen=True, slots=True)
class TickItem:
    """A tick. `x` is the place of its mark; `label` shows its run's status, or its own state without a run.

    `href` leads to its run, `day_href` to the explanation of its day.
    """

    key: str
    x: int
    label: StatusLabel
    state: str
    due: Timestamp | None
    run: str
    href: str
    message: str
    title: str
    day_href: str


@cache
def get_tick_label(state: TickState, run_status: Status | None) -> StatusLabel:
    """Return the mark of a tick: that of its run, or that of its state."""
    if run_status is not None:
        return get_status_label(run_status)
    if state in (TickState.FIRED, TickState.LATE):  # the run was deleted
        return StatusLabel("pending", _WORDS[state])
    return StatusLabel(state.value, _WORDS[state])


def build_tick_strip(ticks: Sequence[TickView], zone: tzinfo) -> list[TickItem]:
    """Return an item for each tick, oldest first. `zone` is that of the schedule."""
    return [_build_item(tick, index, zone) for index, tick in enumerate(ticks)]


def _build_item(tick: TickView, index: int, zone: tzinfo) -> TickItem:
    label, state = get_tick_label(tick.state, tick.run_status), _WORDS[tick.state]
    run = f"#{tick.run_number}" if tick.run_number is not None else DASH
    message = shorten_json(tick.message or "", MAX_MESSAGE_LENGTH)
    if tick.count > 1:
        message = f"{pluralize(tick.count, 'tick')} from this time on. {message}".strip()
    ended = f", {run} {label.word.lower()}" if tick.run_number is not None else ""
    title = f"{format_day_time(tick.due_at)} UTC: {state.lower()}{ended}"
    return TickItem(
        key=f"k{tick.id}",
        x=index * WIDTH,
        label=label,
        state=state,
        due=format_timestamp(tick.due_at),
        run=run,
        href=f"/ui/runs/{tick.run_id}" if tick.run_number is not None else "",
        message=message,
        title=f"{title}. {message}" if message else title,
        day_href=get_why_path(tick.pipeline_id, tick.due_at.astimezone(zone).date()),
    )
