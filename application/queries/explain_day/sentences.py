"""The sentences that say what became of the ticks of a day. The API, the command line and the pages show the same ones."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from application.queries.explain_day.clock_sentences import describe_shift
from application.queries.explain_day.entries import DayReason, DayState, ExplainedTicks
from application.queries.explain_day.local_clock import format_at, format_span, pluralize
from application.queries.views.runs import RunTimes
from application.services.schedules.tick_messages import SUPERSEDED_BY_TICK
from domain.runs.status import Status
from domain.schedules.tick import TickReason

Runs = Mapping[int, RunTimes]
_DOWN: Final = "Headgate was down"
_DELETED: Final = "a run that was deleted"
_MISSED: Final = {
    TickReason.OUTAGE: "",
    TickReason.SUPERSEDED: "; a later tick ran instead",
    TickReason.OUTSIDE_WINDOW: "; the catch-up window had passed when it was back",
    TickReason.QUEUE_FULL: "; too many earlier ticks were caught up",
}
_LATE: Final = {
    TickReason.OUTAGE: "Headgate was down when it was due",
    TickReason.OVERLAP: "an earlier run was not over",
    TickReason.DISK_FULL: "the disk was too full when it was due",
    TickReason.PAUSED: "it was paused when it was due, and caught up",
}
_ENDS: Final = {Status.COMPLETED: "completed", Status.FAILED: "failed", Status.CANCELLED: "was cancelled", Status.LOST: "was lost"}


def describe_ticks(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    """Return the sentence. It begins with the local time of the ticks; `runs` are those that the ticks name, by id."""
    words = _describe(ticks, runs, now)
    if ticks.shift is not None:
        return describe_shift(ticks, ticks.shift, words)
    if ticks.count == 0:
        return words
    return f"{format_span(ticks.start, ticks.end, ticks.zone)} {words}"


def _describe(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    if ticks.is_expectation:
        return _describe_expected(ticks, runs)
    return _BY_STATE[ticks.state](ticks, runs, now)


def _describe_fired(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    if ticks.is_queued:
        return f"fired: {_describe_queued(ticks, runs)}"
    return f"ran{_count(ticks)}{_describe_run(ticks, runs)}"


def _describe_late(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    cause = _LATE.get(TickReason(ticks.reason)) if ticks.reason is not None else None
    if ticks.is_queued:
        return f"fired late: {_describe_queued(ticks, runs)}"
    at = f", at {format_at(ticks.until, ticks.start, ticks.zone)}" if ticks.until is not None and ticks.count == 1 else ""
    return f"ran late{at}{_count(ticks)}{f': {cause}' if cause else ''}{_describe_run(ticks, runs, '; ' if cause else ': ')}"


def _describe_queued(ticks: ExplainedTicks, runs: Runs) -> str:
    names = f"{_name(ticks.run_ids[0], runs)} is" if ticks.count == 1 and ticks.run_ids else f"{pluralize(ticks.count, 'run')} are"
    if ticks.reason == DayReason.LIMIT:
        return f"{names} queued. {ticks.message}" if ticks.message else f"{names} queued: a concurrency limit is reached"
    return f"{names} queued"


def _describe_waiting(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    count = _count(ticks)
    if ticks.blocked_by is not None:
        return f"waits{count}: {_name(ticks.blocked_by, runs)} is not over"
    if ticks.reason == TickReason.PAUSED:
        return f"waits{count}: it was paused when it was due and is being caught up"
    return f"waits{count}: an earlier tick is also waiting"


def _describe_missed(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    count = _count(ticks)
    if ticks.reason == TickReason.DISK_FULL:
        return f"did not run: the disk was too full{count}{_quote(ticks)}"
    if ticks.reason == TickReason.INVALID_PARAMETERS:
        return f"did not run: its parameters were invalid{count}{_quote(ticks)}"
    after = _MISSED.get(TickReason(ticks.reason), "") if ticks.reason is not None else ""
    return f"{_DOWN}{count}{after}"


def _describe_skipped(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    words, count = "skipped", _count(ticks)
    if ticks.blocked_by is not None:
        return f"{words}{count}: {_describe_blocking(ticks, ticks.blocked_by, runs)}"
    if ticks.message == SUPERSEDED_BY_TICK:
        return f"{words}{count}: a later tick ran instead"
    if ticks.reason == TickReason.OVERLAP:
        return f"{words}{count}: an earlier run or tick blocked it"
    if ticks.reason == TickReason.REMOVED:
        return f"{words}{count}: the schedule was changed or removed before it could run"
    return f"{words}{count}{_quote(ticks)}"


def _describe_blocking(ticks: ExplainedTicks, run_id: int, runs: Runs) -> str:
    run = runs.get(run_id)
    if run is None:
        return f"{_DELETED} was not over"
    if run.finished_at is None:
        return f"#{run.number} is not over yet"
    return f"#{run.number} ran until {format_at(run.finished_at, ticks.start, ticks.zone)}"


def _describe_paused(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    if ticks.reason == TickReason.ARCHIVED:
        return f"the pipeline was archived{_by(ticks)}{_count(ticks)}"
    return f"paused{_by(ticks)}{_until(ticks)}{_count(ticks)}"


def _describe_due(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    count = _count(ticks)
    if ticks.reason == TickReason.ARCHIVED:
        return f"will not run while the pipeline is archived{count}"
    if ticks.reason == TickReason.PAUSED:
        return f"will not run while it is paused{_by(ticks)}{_until(ticks)}{count}"
    if ticks.reason == DayReason.DELAYED and ticks.until is not None:
        return f"is due{count}; its jitter delays it until {format_at(ticks.until, ticks.start, ticks.zone)}"
    if ticks.reason == DayReason.BEING_DECIDED:
        return f"is due now{count}"
    return f"still to come{count}"


def _describe_not_due(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    name, count, zone = ticks.source, _count(ticks), ticks.zone
    local = ticks.start.astimezone(zone)
    until = format_at(ticks.until, ticks.start, zone) if ticks.until is not None else ""
    match ticks.reason:
        case DayReason.SKIP_DATE:
            return f"not due: {local.day} {local:%B} is in `skip` of {name}{count}"
        case DayReason.BEFORE_START:
            return f"not due: {name} has `start` {until}{count}"
        case DayReason.AFTER_END:
            return f"not due: {name} has `end` {until}{count}"
        case DayReason.NOT_DEFINED:
            return f"not due: {name} was added at {until}, by {ticks.message}{count}"
        case DayReason.NO_LONGER_DEFINED:
            return f"not due: {name} was removed at {until}, by {ticks.message}{count}"
        case DayReason.NO_SUCH_DAY:
            return f"This day does not exist in {zone}: the clocks skipped it"
        case DayReason.NO_SCHEDULE:
            return ticks.message or ""
    following = f"; the next time is {ticks.until.astimezone(zone):%Y-%m-%d %H:%M}" if ticks.until is not None else ""
    return f"{name} is not due on this day{following}"


def _describe_unknown(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    count = _count(ticks)
    if ticks.reason == DayReason.BEFORE_LEDGER and ticks.until is not None:
        return f"not known{count}: the ledger begins on {ticks.until.astimezone(ticks.zone):%Y-%m-%d}; older ticks are deleted"
    return f"not known{count}: the ledger has no record"


def _describe_changed_clock(ticks: ExplainedTicks, runs: Runs, now: datetime) -> str:
    return ""


def _describe_expected(ticks: ExplainedTicks, runs: Runs) -> str:
    count = _count(ticks)
    until = format_at(ticks.until, ticks.start, ticks.zone) if ticks.until is not None else ""
    match ticks.state:
        case DayState.FIRED:
            return f"was reported{count}{_describe_run(ticks, runs)}"
        case DayState.LATE:
            return f"was reported late{f', at {until}' if ticks.count == 1 else ''}{count}{_describe_run(ticks, runs)}"
        case DayState.MISSED if ticks.count == 1:
            return f"missed: no machine reported a run until {until}"
        case DayState.MISSED:
            return f"missed{count}: no machine reported a run in time"
        case DayState.PAUSED:
            return f"not judged{count}: the pipeline is {'archived' if ticks.reason == TickReason.ARCHIVED else 'paused'}"
    return f"still expected{count}"


def _describe_run(ticks: ExplainedTicks, runs: Runs, before: str = ": ") -> str:
    """Return the run of a single tick, and how it ended."""
    if ticks.count != 1 or ticks.state is DayState.MISSED:
        return ""
    if not ticks.run_ids:
        return f"{before}its run was deleted" if not ticks.is_expectation else ""
    run = runs.get(ticks.run_ids[0])
    if run is None:
        return f"{before}its run was deleted"
    return f"{before}#{run.number} {_ENDS.get(run.status, f'is {run.status.value}')}"


def _name(run_id: int, runs: Runs) -> str:
    """Return the number of the run. The pipeline is named beside the sentence."""
    run = runs.get(run_id)
    return _DELETED if run is None else f"#{run.number}"


def _count(ticks: ExplainedTicks) -> str:
    if ticks.is_mixed:
        return f", {pluralize(ticks.count, 'run')} among others"
    return f", {pluralize(ticks.count, 'run')}" if ticks.count > 1 else ""


def _quote(ticks: ExplainedTicks) -> str:
    return f": {ticks.message.rstrip('.')}" if ticks.message else ""


def _by(ticks: ExplainedTicks) -> str:
    """Return who paused or archived. A stored tick has a whole sentence instead."""
    return f" by {ticks.message}" if ticks.message and not ticks.message.endswith(".") else ""


def _until(ticks: ExplainedTicks) -> str:
    return f" until {format_at(ticks.until, ticks.start, ticks.zone)}" if ticks.until is not None else ""


_BY_STATE: Final[Mapping[DayState, Callable[[ExplainedTicks, Runs, datetime], str]]] = {
    DayState.FIRED: _describe_fired,
    DayState.LATE: _describe_late,
    DayState.WAITING: _describe_waiting,
    DayState.MISSED: _describe_missed,
    DayState.SKIPPED: _describe_skipped,
    DayState.PAUSED: _describe_paused,
    DayState.DUE: _describe_due,
    DayState.NOT_DUE: _describe_not_due,
    DayState.CHANGED_CLOCK: _describe_changed_clock,
    DayState.UNKNOWN: _describe_unknown,
}
