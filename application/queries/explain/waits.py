"""How long a run took and waited, in words."""

from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration
from application.queries.runs.idle_periods import IdleCause, find_idle_periods
from application.queries.views.runs import RunView
from domain.runs.active_time import get_active_seconds, get_idle_seconds

MIN_SHOWN = 1.0
"""Seconds of the shortest wait that is shown."""
_FOR = {
    frozenset({IdleCause.APPROVAL}): "for approval",
    frozenset({IdleCause.RETRY}): "for a retry",
    frozenset({IdleCause.PAUSE}): "while paused in Prefect",
    frozenset[IdleCause](): "while paused in Prefect",
}


@dataclass(frozen=True, slots=True)
class RunWait:
    """How long a run has waited for people, such as "8 h", "for approval"."""

    seconds: float
    words: str

    def __str__(self) -> str:
        return f"waited {format_duration(self.seconds)} {self.words}"


def find_wait(run: RunView, now: datetime) -> RunWait | None:
    """Return how long the run has waited for people until its end or now, also before its start; None if it did not."""
    periods = find_idle_periods(run, now)
    until = run.started_at or run.finished_at or now
    seconds = get_idle_seconds(run, now) + sum(period.seconds for period in periods if period.end <= until)
    if seconds < MIN_SHOWN:
        return None
    return RunWait(seconds, _FOR.get(frozenset(period.cause for period in periods if period.seconds >= MIN_SHOWN), "for people"))


def describe_time_taken(run: RunView, now: datetime) -> str:
    """Return the active time and the wait: "2 m 14 s · waited 8 h for approval"; empty before the run has started or waited."""
    active, wait = get_active_seconds(run, now), find_wait(run, now)
    return " · ".join([*([format_duration(active)] if active is not None else []), *([str(wait)] if wait else [])])
