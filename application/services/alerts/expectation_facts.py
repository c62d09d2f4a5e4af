"""Finds runs that other machines were expected to start, and did not, or started too late, or that take too long."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.run_facts import RunFacts
from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.system.cron_expressions import CronExpressions
from application.queries.schedules.expectations import to_reported_run, to_reported_runs
from application.services.alerts.judged_facts import JudgedFact, build_missed_fact, build_unfinished_fact
from domain.alerts.concurrency_key import has_concurrency_key
from domain.alerts.judging import FLIP_WINDOW
from domain.alerts.rule import AlertEvent
from domain.pipelines.durations import format_duration
from domain.schedules.definition import Expectation
from domain.schedules.expectations import find_late_tick, list_expected_ticks
from domain.schedules.ticks import find_next_tick

MAX_MISSED: Final = FLIP_WINDOW
"""The missed ticks of a pipeline that one pass reports, the last ones: as many as each rule remembers."""
MAX_PERIOD: Final = timedelta(days=31)
"""How far back missed ticks are looked for."""


@dataclass(frozen=True, slots=True)
class CollectedFacts:
    """What is wrong now, and the next time at which a tick may turn out to be missed, or a run to take too long."""

    facts: Sequence[JudgedFact] = ()
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExpectationFacts:
    """Judges the expectations of pipelines by their newest runs, as pages do: ticks before the newest revision do not count."""

    cron_expressions: CronExpressions

    async def collect(
        self, work: UnitOfWork, pipelines: Sequence[StoredPipeline], now: datetime, ended: Collection[int] = ()
    ) -> CollectedFacts:
        """Return what is wrong now. Of runs that are over, only those of `ended` count: the others were judged before they ended."""
        active = [each for each in pipelines if not each.activation.is_archived and not each.activation.is_paused(now)]
        if not active:
            return CollectedFacts()
        recent = await work.runs.find_recent([each.id for each in active])
        ids = {run_id for each in recent.values() for run_id in (*each.newest, *each.active)}
        keyed = [each.id for each in active if has_concurrency_key(each.definition)]
        runs = await work.runs.find_facts(ids, keyed) if ids else {}
        return await asyncio.to_thread(self._judge_all, active, _group(runs), now, ended)

    def _judge_all(
        self, pipelines: Sequence[StoredPipeline], runs: Mapping[int, Sequence[RunFacts]], now: datetime, ended: Collection[int]
    ) -> CollectedFacts:
        facts = [fact for each in pipelines for fact in self._judge_pipeline(each, runs.get(each.id, ()), now, ended)]
        times = [time for each in pipelines for time in self._list_times(each, runs.get(each.id, ()), now)]
        return CollectedFacts(facts, min(times, default=None))

    def _judge_pipeline(
        self, pipeline: StoredPipeline, runs: Sequence[RunFacts], now: datetime, ended: Collection[int]
    ) -> Iterator[JudgedFact]:
        missed: dict[datetime, datetime] = {}
        for expectation in pipeline.definition.expect:
            missed |= self._find_missed(pipeline, expectation, runs, now)
            yield from self._judge(pipeline, expectation, runs, now, ended)
        for due_at, closes_at in sorted(missed.items())[-MAX_MISSED:]:
            yield build_missed_fact(pipeline, due_at, closes_at)

    def _judge(
        self, pipeline: StoredPipeline, expectation: Expectation, runs: Sequence[RunFacts], now: datetime, ended: Collection[int]
    ) -> Iterator[JudgedFact]:
        relevant = {run.id: run for run in runs if not run.status.is_terminal or run.id in ended}
        late = find_late_tick(expectation, to_reported_runs(runs), pipeline.updated_at, self.cron_expressions.iterate)
        if late is not None and late.run is not None and late.run.id in relevant:
            summary = f"started late: it was due at {late.due_at:%Y-%m-%d %H:%M} UTC"
            yield build_unfinished_fact(pipeline, relevant[late.run.id], AlertEvent.LATE, late.run.started_at, summary)
        if expectation.max_duration is not None:
            yield from _find_overrun(pipeline, expectation.max_duration, relevant.values(), now)

    def _find_missed(
        self, pipeline: StoredPipeline, expectation: Expectation, runs: Sequence[RunFacts], now: datetime
    ) -> dict[datetime, datetime]:
        """Return when the ticks that were missed after the newest run were due, and when they were over."""
        last_start = max((run.started_at or run.created_at for run in runs), default=None)
        since = max(pipeline.updated_at, now - MAX_PERIOD)
        after = max(last_start, since) if last_start is not None else since
        ticks = list_expected_ticks(expectation, after, now, self.cron_expressions.iterate)
        missed = [tick for tick in ticks if tick.closes_at < now and (last_start is None or tick.opens_at > last_start)]
        return {tick.due_at: tick.closes_at for tick in missed[-MAX_MISSED:]}

    def _list_times(self, pipeline: StoredPipeline, runs: Sequence[RunFacts], now: datetime) -> Iterator[datetime]:
        for expectation in pipeline.definition.expect:
            grace = timedelta(seconds=expectation.grace)
            if (due_at := find_next_tick(expectation.recurrence, now - grace, self.cron_expressions.iterate)) is not None:
                yield due_at + grace
            if expectation.max_duration is not None:
                active = [to_reported_run(run) for run in runs if not run.status.is_terminal]
                ends = [run.get_limit_at(expectation.max_duration) for run in active]
                yield from (end for end in ends if end is not None and end >= now)


def _find_overrun(pipeline: StoredPipeline, limit: float, runs: Collection[RunFacts], now: datetime) -> Iterator[JudgedFact]:
    for run in runs:
        ends_at = to_reported_run(run).get_limit_at(limit)
        if ends_at is not None and ends_at < (run.finished_at or now):
            summary = f"takes longer than {format_duration(limit)}"
            yield build_unfinished_fact(pipeline, run, AlertEvent.OVERRUN, ends_at, summary)


def _group(runs: Mapping[int, RunFacts]) -> dict[int, list[RunFacts]]:
    grouped: dict[int, list[RunFacts]] = {}
    for run in runs.values():
        grouped.setdefault(run.pipeline_id, []).append(run)
    return grouped
