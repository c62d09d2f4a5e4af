"""Judge whether other machines run a pipeline when they are expected to."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Final

from domain.schedules.definition import Expectation
from domain.schedules.ticks import EPOCH, IterateCron, find_last_tick, find_ticks

MAX_EARLY: Final = timedelta(minutes=5)
_MICROSECOND: Final = timedelta(microseconds=1)
EARLY_SHARE: Final = 10
"""A run may start a tenth of the period, but at most MAX_EARLY, before its tick."""


class ExpectedState(StrEnum):
    """The outcome of a tick at which a run was expected."""

    EXPECTED = "expected"
    """No run has started yet, and it is not too late."""
    MET = "met"
    LATE = "late"
    """A run started after the grace period."""
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """A run that another machine reported. `finished_at` is None while it runs.

    `idle_seconds` and `idle_since` are those of the run: the time in which it waits for people does not count as a part of its duration.
    """

    id: int
    started_at: datetime
    finished_at: datetime | None = None
    idle_seconds: float = 0.0
    idle_since: datetime | None = None

    def is_overrun(self, max_duration: float | None, now: datetime) -> bool:
        """Return True if the run took, or takes, longer than `max_duration` seconds."""
        limit_at = self.get_limit_at(max_duration) if max_duration is not None else None
        return limit_at is not None and limit_at < (self.finished_at or now)

    def get_limit_at(self, max_duration: float) -> datetime | None:
        """Return when the run takes, or took, `max_duration` seconds; None if it takes less so far and waits for people."""
        limit_at = self.started_at + timedelta(seconds=max_duration + self.idle_seconds)
        if self.idle_since is not None and self.finished_at is None and limit_at >= self.idle_since:
            return None
        return limit_at


@dataclass(frozen=True, slots=True)
class ExpectedTick:
    """A tick and the run that started for it. A run that starts from `opens_at` to `closes_at` is in time."""

    due_at: datetime
    opens_at: datetime
    closes_at: datetime
    state: ExpectedState = ExpectedState.EXPECTED
    run: ReportedRun | None = None


def list_expected_ticks(
    expectation: Expectation, after: datetime, until: datetime, iterate_cron: IterateCron, limit: int = 10_000
) -> list[ExpectedTick]:
    """Return the ticks after `after`, up to `until`, not judged yet; at most `limit`, the first ones."""
    previous = find_last_tick(expectation.recurrence, max(after, EPOCH), iterate_cron)
    found = []
    for due_at in islice(find_ticks(expectation.recurrence, after, iterate_cron), limit):
        if due_at > until:
            break
        found.append(_build_tick(expectation, previous, due_at))
        previous = due_at
    return found


def judge_ticks(ticks: Sequence[ExpectedTick], runs: Iterable[ReportedRun], now: datetime) -> list[ExpectedTick]:
    """Return the ticks with their states. Each run counts for one tick: the first that it meets, else the last before it, as late."""
    waiting = sorted(runs, key=lambda run: (run.started_at, run.id))
    judged: list[ExpectedTick] = []
    for index, tick in enumerate(ticks):
        next_opens_at = ticks[index + 1].opens_at if index + 1 < len(ticks) else None
        while waiting and waiting[0].started_at < tick.opens_at:
            waiting.pop(0)
        state, run = _judge(tick, waiting[0] if waiting else None, next_opens_at, now)
        if run is not None:
            waiting.pop(0)
        judged.append(ExpectedTick(tick.due_at, tick.opens_at, tick.closes_at, state, run))
    return judged


def find_awaited_tick(
    expectation: Expectation, last_start: datetime | None, since: datetime, iterate_cron: IterateCron
) -> ExpectedTick | None:
    """Return the first tick that has no run, given when the newest run started; None if none is left. After it closes, a run is overdue.

    Only ticks after `since` count: that is when the expectation was defined.
    """
    after = max(last_start, since) if last_start is not None else since
    previous = find_last_tick(expectation.recurrence, max(after, EPOCH), iterate_cron)
    for due_at in islice(find_ticks(expectation.recurrence, after, iterate_cron), 2):
        tick = _build_tick(expectation, previous, due_at)
        if last_start is None or tick.opens_at > last_start:
            return tick
        previous = due_at
    return None


def find_late_tick(
    expectation: Expectation, runs: Sequence[ReportedRun], since: datetime, iterate_cron: IterateCron
) -> ExpectedTick | None:
    """Return the tick after `since` for which the newest run started too late; None if it did not, or if an earlier run was in time."""
    newest = max(runs, key=lambda run: (run.started_at, run.id), default=None)
    if newest is None:
        return None
    ticks = _list_last_ticks(expectation, newest.started_at + MAX_EARLY, iterate_cron)
    tick = next((tick for tick in ticks if tick.opens_at <= newest.started_at), None)
    if tick is None or tick.due_at <= since or any(tick.opens_at <= run.started_at <= tick.closes_at for run in runs):
        return None
    return ExpectedTick(tick.due_at, tick.opens_at, tick.closes_at, ExpectedState.LATE, newest)


def _list_last_ticks(expectation: Expectation, until: datetime, iterate_cron: IterateCron) -> Iterator[ExpectedTick]:
    """Yield the ticks up to an instant, the last one first."""
    due_at = find_last_tick(expectation.recurrence, until, iterate_cron)
    while due_at is not None:
        previous = find_last_tick(expectation.recurrence, due_at - _MICROSECOND, iterate_cron)
        yield _build_tick(expectation, previous, due_at)
        due_at = previous


def _build_tick(expectation: Expectation, previous: datetime | None, due_at: datetime) -> ExpectedTick:
    early = min((due_at - previous) / EARLY_SHARE, MAX_EARLY) if previous is not None else MAX_EARLY
    return ExpectedTick(due_at, due_at - early, due_at + timedelta(seconds=expectation.grace))


def _judge(
    tick: ExpectedTick, run: ReportedRun | None, next_opens_at: datetime | None, now: datetime
) -> tuple[ExpectedState, ReportedRun | None]:
    if run is not None and run.started_at <= tick.closes_at:
        return ExpectedState.MET, run
    if run is not None and (next_opens_at is None or run.started_at < next_opens_at):
        return ExpectedState.LATE, run
    return (ExpectedState.MISSED if tick.closes_at < now else ExpectedState.EXPECTED), None
