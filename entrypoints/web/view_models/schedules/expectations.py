"""Expectations of runs that other machines start, as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from application.queries.schedules.expectations import ExpectationStatus, Punctuality
from domain.schedules.expectations import ExpectedState, ExpectedTick
from domain.schedules.ticks import get_zone
from domain.schedules.words import ExplainCron, describe_recurrence, describe_seconds
from entrypoints.web.view_models.formatting import DASH, StatusLabel, Timestamp, format_timestamp
from entrypoints.web.view_models.schedules.next_times import format_day_time
from entrypoints.web.view_models.schedules.tick_strip import WIDTH, TickItem
from entrypoints.web.view_models.schedules.why import get_why_path

SHOWN: Final = 30
"""Ticks of an expectation that are shown."""
_KEYS: Final = {Punctuality.OVERDUE: "missed", Punctuality.OVERRUN: "waiting", Punctuality.LATE: "waiting"}
_TICK_LABELS: Final = {
    ExpectedState.EXPECTED: StatusLabel("due", "Expected"),
    ExpectedState.MET: StatusLabel("completed", "Started in time"),
    ExpectedState.LATE: StatusLabel("waiting", "Started late"),
    ExpectedState.MISSED: StatusLabel("missed", "Missed"),
}


@dataclass(frozen=True, slots=True)
class ExpectationItem:
    """An expectation's live part. `label` says what is wrong; None if nothing is."""

    key: str
    words: str
    options: str
    label: StatusLabel | None
    next_due: Timestamp | None
    ticks: Sequence[TickItem]


def get_expectation_label(status: ExpectationStatus) -> StatusLabel | None:
    """Return the mark and the sentence of a run that is overdue, late or overrun; None if all is well."""
    key = _KEYS.get(status.state)
    return StatusLabel(key, status.sentence) if key and status.sentence else None


def build_expectation_item(
    index: int,
    status: ExpectationStatus,
    ticks: Sequence[ExpectedTick],
    run_numbers: Mapping[int, int],
    explain_cron: ExplainCron,
    pipeline_id: int,
) -> ExpectationItem:
    """Return the item of a pipeline's expectation. `ticks` are its last ones, oldest first."""
    expectation = status.expectation
    zone = get_zone(expectation.recurrence)
    options = f"A run can start {describe_seconds(expectation.grace)} late"
    if expectation.max_duration is not None:
        options += f" and take {describe_seconds(expectation.max_duration)}"
    return ExpectationItem(
        key=f"expectation-{index}",
        words=describe_recurrence(expectation.recurrence, explain_cron),
        options=options,
        label=get_expectation_label(status),
        next_due=format_timestamp(status.next_due_at),
        ticks=[
            _build_tick(tick, position, run_numbers, get_why_path(pipeline_id, tick.due_at.astimezone(zone).date()))
            for position, tick in enumerate(ticks)
        ],
    )


def _build_tick(tick: ExpectedTick, position: int, run_numbers: Mapping[int, int], day_href: str) -> TickItem:
    label = _TICK_LABELS[tick.state]
    number = run_numbers.get(tick.run.id) if tick.run else None
    run = f"#{number}" if number is not None else DASH
    ended = f" by {run}" if number is not None else ""
    return TickItem(
        key=f"t{tick.due_at.timestamp():.0f}",
        x=position * WIDTH,
        label=label,
        state=label.word,
        due=format_timestamp(tick.due_at),
        run=run,
        href=f"/ui/runs/{tick.run.id}" if tick.run and number is not None else "",
        message=f"Started {tick.run.started_at:%Y-%m-%d %H:%M:%S} UTC" if tick.run else "",
        title=f"{format_day_time(tick.due_at)} UTC: {label.word.lower()}{ended}",
        day_href=day_href,
    )
