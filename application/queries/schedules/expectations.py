"""Judge the runs of pipelines that other machines report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, Protocol

from application.ports.system.cron_expressions import CronExpressions
from application.queries.views.pipelines import PipelineView
from domain.runs.active_time import TimedRun
from domain.schedules.definition import Expectation
from domain.schedules.expectation_words import describe_late, describe_overdue, describe_overrun
from domain.schedules.expectations import (
    ExpectedTick,
    ReportedRun,
    find_awaited_tick,
    find_late_tick,
    judge_ticks,
    list_expected_ticks,
)
from domain.schedules.ticks import find_last_tick, find_next_tick

_CACHED: Final = 10_000
HISTORY: Final = timedelta(days=31)
_SPAN: Final = 5
_MICROSECOND: Final = timedelta(microseconds=1)


class Punctuality(StrEnum):
    """The state of an expectation, from good to bad."""

    ON_TIME = "on_time"
    LATE = "late"
    OVERRUN = "overrun"
    OVERDUE = "overdue"


class StartedRun(TimedRun, Protocol):
    """A run in any read model."""

    @property
    def id(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class ExpectationStatus:
    """How an expectation is met now. `since` and `sentence` are None if it is."""

    expectation: Expectation
    state: Punctuality
    next_due_at: datetime | None
    since: datetime | None = None
    sentence: str | None = None


class JudgeExpectations:
    """Judges expectations by the newest runs. Ticks before the newest revision of the pipeline do not count."""

    def __init__(self, cron_expressions: CronExpressions) -> None:
        self._cron = cron_expressions
        self._find_awaited = lru_cache(_CACHED)(self._compute_awaited)
        self._find_late = lru_cache(_CACHED)(self._compute_late)

    def judge(self, pipeline: PipelineView, runs: Sequence[StartedRun], now: datetime) -> list[ExpectationStatus]:
        """Return the status of each expectation, given the newest runs in any order. A paused or archived pipeline is on time."""
        if not pipeline.definition.expect:
            return []
        if pipeline.activation.is_archived or pipeline.activation.is_paused(now):
            return [ExpectationStatus(expectation, Punctuality.ON_TIME, None) for expectation in pipeline.definition.expect]
        reported = to_reported_runs(runs)
        return [self._judge(expectation, reported, pipeline.updated_at, now) for expectation in pipeline.definition.expect]

    def find_worst(self, pipeline: PipelineView, runs: Sequence[StartedRun], now: datetime) -> ExpectationStatus | None:
        """Return the status of the expectation that is met worst; None without expectations."""
        order = list(Punctuality)
        return max(self.judge(pipeline, runs, now), key=lambda status: order.index(status.state), default=None)

    def list_ticks(
        self, expectation: Expectation, pipeline: PipelineView, runs: Sequence[StartedRun], now: datetime, limit: int, *, is_complete: bool
    ) -> list[ExpectedTick]:
        """Return the last ticks, oldest first: those after the newest revision and, unless the runs are all there are, the first run."""
        reported = to_reported_runs(runs)
        after = max(pipeline.updated_at, now - HISTORY)
        if reported and not is_complete:
            after = max(after, reported[0].started_at)
        ticks = list_expected_ticks(expectation, self._limit_span(expectation, after, now, limit), now, self._cron.iterate)
        return judge_ticks(ticks, reported, now)[-limit:]

    def _limit_span(self, expectation: Expectation, after: datetime, now: datetime, count: int) -> datetime:
        """Return the start of a span that is not longer than a few times `count` of the last periods."""
        last = find_last_tick(expectation.recurrence, now, self._cron.iterate)
        previous = find_last_tick(expectation.recurrence, last - _MICROSECOND, self._cron.iterate) if last is not None else None
        return max(after, now - (last - previous) * count * _SPAN) if last is not None and previous is not None else after

    def _judge(self, expectation: Expectation, runs: tuple[ReportedRun, ...], since: datetime, now: datetime) -> ExpectationStatus:
        newest = runs[-1] if runs else None
        next_due_at = find_next_tick(expectation.recurrence, now, self._cron.iterate)
        awaited = self._find_awaited(expectation, newest.started_at if newest else None, since)
        if awaited is not None and awaited.closes_at < now:
            sentence = describe_overdue(expectation, awaited.closes_at, now, self._cron.explain)
            return ExpectationStatus(expectation, Punctuality.OVERDUE, next_due_at, awaited.closes_at, sentence)
        limit = expectation.max_duration
        if newest is not None and limit is not None and newest.is_overrun(limit, now):
            sentence = describe_overrun(limit, is_running=newest.finished_at is None)
            return ExpectationStatus(expectation, Punctuality.OVERRUN, next_due_at, newest.get_limit_at(limit), sentence)
        late = self._find_late(expectation, runs, since)
        if late is not None and newest is not None:
            sentence = describe_late(expectation, newest.started_at, now, self._cron.explain)
            return ExpectationStatus(expectation, Punctuality.LATE, next_due_at, newest.started_at, sentence)
        return ExpectationStatus(expectation, Punctuality.ON_TIME, next_due_at)

    def _compute_awaited(self, expectation: Expectation, last_start: datetime | None, since: datetime) -> ExpectedTick | None:
        return find_awaited_tick(expectation, last_start, since, self._cron.iterate)

    def _compute_late(self, expectation: Expectation, runs: tuple[ReportedRun, ...], since: datetime) -> ExpectedTick | None:
        return find_late_tick(expectation, runs, since, self._cron.iterate)


def to_reported_runs(runs: Sequence[StartedRun]) -> tuple[ReportedRun, ...]:
    """Return the runs by the time at which they started; one that has not started counts from when it was opened."""
    return tuple(sorted(map(to_reported_run, runs), key=lambda run: (run.started_at, run.id)))


def to_reported_run(run: StartedRun) -> ReportedRun:
    return ReportedRun(run.id, run.started_at or run.created_at, run.finished_at, run.idle_seconds, run.idle_since)
