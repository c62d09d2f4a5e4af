"""Sentences about ticks that a clock change moved, and about times that it left out or repeated."""

from collections.abc import Sequence
from datetime import datetime

from application.queries.explain_day.entries import DayState, ExplainedTicks
from application.queries.explain_day.local_clock import format_clock
from domain.schedules.shifted_times import ClockChange, ShiftedTimes

MAX_NAMED = 3
"""Local times that a sentence names one by one."""


def describe_shift(ticks: ExplainedTicks, shift: ShiftedTimes, words: str) -> str:
    """Return what the clock change did, and what became of the tick that it moved. `words` say why it did not run, if it did not."""
    change = shift.change
    if change.is_forward:
        happened = f"{_list(shift.times)} did not exist {_name_day(ticks, shift)}: clocks went from {_clocks(change)}"
        return f"{happened}; {_describe_moved(ticks, shift, words)}"
    happened = f"{_list(shift.times)} occurred twice that day: clocks went back from {_clocks(change)}"
    if not shift.ticks:
        return f"{happened}; it is due both times"
    if ticks.state in (DayState.FIRED, DayState.LATE):
        return f"{happened}; it {words}, once, at the first" if ":" not in words else f"{happened}; it ran once, at the first{_tail(words)}"
    return f"{happened}; it is due once, at the first: {words}"


def _describe_moved(ticks: ExplainedTicks, shift: ShiftedTimes, words: str) -> str:
    if not shift.ticks:
        return "a schedule that follows elapsed time is not due then"
    at = format_clock(shift.ticks[0], ticks.zone)
    if ticks.state is DayState.CHANGED_CLOCK:
        return f"it is due at {at} on {shift.ticks[0].astimezone(ticks.zone):%Y-%m-%d}"
    if ticks.state is DayState.FIRED and not ticks.is_queued:
        return f"it ran at {at}{_tail(words)}"
    return f"it was due at {at} and {words}" if ticks.state is not DayState.DUE else f"it is due at {at}: {words}"


def _tail(words: str) -> str:
    """Return the part after the first colon: the run, and how it ended."""
    _, colon, tail = words.partition(":")
    return f":{tail}" if colon else ""


def _clocks(change: ClockChange) -> str:
    if change.before.date() == change.after.date():
        return f"{_clock(change.before)} to {_clock(change.after)}"
    return f"{_clock(change.before)} on {change.before:%Y-%m-%d} to {_clock(change.after)} on {change.after:%Y-%m-%d}"


def _name_day(ticks: ExplainedTicks, shift: ShiftedTimes) -> str:
    days = {time.date() for time in shift.times}
    return "that day" if days == {ticks.start.astimezone(ticks.zone).date()} else f"on {min(days):%Y-%m-%d}"


def _list(times: Sequence[datetime]) -> str:
    if len(times) > MAX_NAMED:
        return f"{_clock(times[0])}–{_clock(times[-1])} ({len(times)} times)"
    *first, last = (_clock(time) for time in times)
    return f"{', '.join(first)} and {last}" if first else last


def _clock(local: datetime) -> str:
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
