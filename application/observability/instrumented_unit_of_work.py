"""Tells what was committed: runs that opened, began and ended, stages that ended. Each fact once, by the process that committed it."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, cast

from application.observability.relay_latency import RelayLatencyRecorder
from application.observability.run_metrics import PendingMetric, RunMetrics
from application.ports.persistence.outbox import OutboxRow
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Telemetry
from domain.runs.run import Run


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
