"""Tells what was committed: runs that opened, began and ended, stages that ended. Each fact once, by the process that committed it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, cast

from application.observability.metrics import Metric
from application.ports.persistence.unit_of_work import OpenUnitOfWork, OutboxRow
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Telemetry
from domain.runs.events import Event, EventType
from domain.runs.run import Run
from domain.runs.status import Status

_REMEMBERED = 10_000
PendingMetric = Callable[[], None]


def instrument_unit_of_work(telemetry: Telemetry, clock: Clock, open_unit_of_work: OpenUnitOfWork) -> OpenUnitOfWork:
    """Units of work that tell what they committed; the very same function when telemetry is off."""
    return InstrumentedUnitOfWorkFactory(telemetry, clock, open_unit_of_work) if telemetry.is_on else open_unit_of_work


class InstrumentedUnitOfWorkFactory:
    def __init__(self, telemetry: Telemetry, clock: Clock, open_unit_of_work: OpenUnitOfWork) -> None:
        self._figures = RunMetrics(telemetry)
        self._deliveries = RelayLatencyRecorder(telemetry, clock)
        self._open = open_unit_of_work

    def __call__(self) -> Any:
        return _InstrumentedUnitOfWork(self._open(), self._figures, self._deliveries)


class _InstrumentedUnitOfWork:
    """The unit of work itself, but that it remembers facts until they are durable. Every other attribute is the real one's."""

    def __init__(self, work: Any, figures: RunMetrics, deliveries: RelayLatencyRecorder) -> None:
        self._work = work
        self._facts: list[PendingMetric] = []
        self._figures, self._deliveries = figures, deliveries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    async def __aenter__(self) -> Self:
        await self._work.__aenter__()
        self.runs = _InstrumentedRuns(self._work.runs, self._facts, self._figures)
        self.outbox = _InstrumentedOutbox(self._work.outbox, self._facts, self._deliveries)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._work.__aexit__(kind, error, trace)

    async def commit(self) -> None:
        await self._work.commit()
        facts, self._facts[:] = list(self._facts), []
        for fact in facts:
            fact()


class _InstrumentedRuns:
    def __init__(self, runs: Any, facts: list[PendingMetric], figures: RunMetrics) -> None:
        self._runs, self._facts, self._figures = runs, facts, figures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)

    async def add(self, run: Run) -> int:
        events = list(run.new_events)
        given = await self._runs.add(run)
        self._facts.extend(self._figures.of(run, events))
        return cast(int, given)

    async def save(self, *runs: Run) -> None:
        news = [(run, list(run.new_events)) for run in runs]
        await self._runs.save(*runs)
        for run, events in news:
            self._facts.extend(self._figures.of(run, events))


class _InstrumentedOutbox:
    def __init__(self, outbox: Any, facts: list[PendingMetric], deliveries: RelayLatencyRecorder) -> None:
        self._outbox, self._facts, self._deliveries = outbox, facts, deliveries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    async def lease(self, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        rows: list[OutboxRow] = await self._outbox.lease(relay, limit, seconds)
        self._deliveries.remember(rows)
        return rows

    async def mark_delivered(self, run_id: int, epoch: int) -> None:
        await self._outbox.mark_delivered(run_id, epoch)
        self._facts.append(lambda: self._deliveries.delivered(run_id, epoch))


class RelayLatencyRecorder:
    """How long a dispatch was in the outbox before Prefect had it."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry, self._clock = telemetry, clock
        self._leased: OrderedDict[tuple[int, int], OutboxRow] = OrderedDict()

    def remember(self, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            self._leased[row.run_id, row.epoch] = row
        while len(self._leased) > _REMEMBERED:
            self._leased.popitem(last=False)

    def delivered(self, run_id: int, epoch: int) -> None:
        row = self._leased.pop((run_id, epoch), None)
        if row is not None:
            self._telemetry.distribution(Metric.RELAY_LATENCY, _seconds(row.created_at, self._clock.now()), pool=row.pool)


class RunMetrics:
    """What the new events of a run say in figures."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def of(self, run: Run, events: Sequence[Event]) -> list[PendingMetric]:
        """To be told once they are durable. Reads the run now: it may move on before."""
        facts: list[PendingMetric] = []
        for event in events:
            if event.type is EventType.RUN_OPENED:
                facts.append(self._counted(Metric.RUNS_OPENED, 1, pipeline=run.definition.name, trigger=run.trigger.kind))
            elif event.type is EventType.RUN_MOVED and event.status is not None:
                facts += self._run_moved(run, event.status)
            elif event.type is EventType.STAGE_MOVED and event.stage is not None and event.attempt is not None:
                facts += self._stage_moved(run, event, event.stage, event.attempt)
        return facts

    def _run_moved(self, run: Run, status: Status) -> list[PendingMetric]:
        if not status.is_terminal or run.finished_at is None:
            return []
        tags = {"pipeline": run.definition.name, "status": status.value}
        took = _seconds(run.started_at or run.created_at, run.finished_at)
        return [self._counted(Metric.RUNS_FINISHED, 1, **tags), self._measured(Metric.RUN_DURATION, took, **tags)]

    def _stage_moved(self, run: Run, event: Event, stage: str, number: int) -> list[PendingMetric]:
        attempt = run.stages[stage].attempts[number - 1]
        named = {"pipeline": run.definition.name, "stage": stage}
        if event.status is Status.RUNNING:
            waited = _seconds(attempt.queued_at or event.at, event.at)
            facts = [self._measured(Metric.STAGE_QUEUE_WAIT, waited, **named)]
            if run.started_at == event.at:
                facts.append(self._measured(Metric.RUN_START_LATENCY, _seconds(run.created_at, event.at), pipeline=run.definition.name))
            return facts
        if event.status is None or not event.status.is_terminal:
            return []
        facts = [self._counted(Metric.STAGES_FINISHED, 1, **named, status=event.status.value)]
        if attempt.started_at is not None and attempt.finished_at is not None:
            took = _seconds(attempt.started_at, attempt.finished_at)
            facts.append(self._measured(Metric.STAGE_DURATION, took, **named, status=event.status.value))
        if attempt.records_processed:
            facts.append(self._counted(Metric.RECORDS, attempt.records_processed, **named))
        return facts

    def _counted(self, metric: Metric, value: int, **tags: str) -> PendingMetric:
        return lambda: self._telemetry.count(metric, value, **tags)

    def _measured(self, metric: Metric, value: float, **tags: str) -> PendingMetric:
        return lambda: self._telemetry.distribution(metric, value, **tags)


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())
