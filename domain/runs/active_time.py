"""Active time: how long a run took without the time in which it only waited for people."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from domain.runs.readiness import Readiness, get_readiness
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status

REASONS_OF_PEOPLE = frozenset({Reason.APPROVAL, Reason.PAUSED})
"""Why an attempt waits for a person: to approve it, or to resume its flow run in Prefect."""


class TimedRun(Protocol):
    """The times of a run. `idle_seconds` is the idle time that has ended, `idle_since` when the current one began."""

    @property
    def started_at(self) -> datetime | None: ...
    @property
    def finished_at(self) -> datetime | None: ...
    @property
    def idle_seconds(self) -> float: ...
    @property
    def idle_since(self) -> datetime | None: ...


def waits_only_for_people(status: Status, stages: Mapping[str, StageRun]) -> bool:
    """Return True if no stage of a run of this status can go on before a person approves a stage or resumes a flow run."""
    if status is not Status.WAITING:
        return False
    waiting = [stage for stage in stages.values() if stage.status is Status.WAITING]
    rest = [stage for stage in waiting if stage.current.reason not in REASONS_OF_PEOPLE]
    return len(rest) < len(waiting) and all(get_readiness(stage, stages) is Readiness.BLOCKED for stage in rest)


def get_idle_seconds(run: TimedRun, now: datetime) -> float:
    """Return for how long the run has been idle since its start: it waited only for people, or was over until a person reopened it."""
    current = get_seconds_between(run.idle_since, now) if run.idle_since is not None and run.finished_at is None else 0.0
    return run.idle_seconds + current


def get_active_seconds(run: TimedRun, now: datetime) -> float | None:
    """Return the seconds from the start to the end, or to now, without the idle time; None before the start."""
    if run.started_at is None:
        return None
    return max(0.0, get_seconds_between(run.started_at, run.finished_at or now) - get_idle_seconds(run, now))


def get_active_since(run: TimedRun) -> datetime | None:
    """Return the instant from which the active time of a run counts now, moved by the idle time; None while it does not grow."""
    if run.started_at is None or run.finished_at is not None or run.idle_since is not None:
        return None
    return run.started_at + timedelta(seconds=run.idle_seconds)


def get_seconds_between(start: datetime, end: datetime) -> float:
    """Return the seconds from `start` to `end`; 0 if clocks put the end first."""
    return max(0.0, (end - start).total_seconds())
