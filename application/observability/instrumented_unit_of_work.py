"""Sends metrics of what a unit of work stored, after its commit."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from application.observability.backfill_metrics import BackfillMetrics
from application.observability.relay_latency import RelayLatencyRecorder
from application.observability.run_metrics import PendingMetric, RunMetrics
from application.observability.tick_metrics import TickMetrics
from application.ports.persistence.outbox import OutboxRow
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Telemetry
from domain.backfills.tick import BackfillTick
from domain.runs.run import Run
from domain.schedules.tick import Tick


def instrument_unit_of_work(telemetry: Telemetry, clock: Clock, open_unit_of_work: OpenUnitOfWork) -> OpenUnitOfWork:
    """Return a factory of units of work that send metrics; the given factory if telemetry is off."""
    return InstrumentedUnitOfWorkFactory(telemetry, clock, open_unit_of_work) if telemetry.is_on else open_unit_of_work


class InstrumentedUnitOfWorkFactory:
    def __init__(self, telemetry: Telemetry, clock: Clock, open_unit_of_work: OpenUnitOfWork) -> None:
        self._run_metrics = RunMetrics(telemetry)
        self._tick_metrics = TickMetrics(telemetry)
        self._backfill_metrics = BackfillMetrics(telemetry)
        self._relay_latency = RelayLatencyRecorder(telemetry, clock)
        self._open = open_unit_of_work

    def __call__(self) -> Any:
        return _InstrumentedUnitOfWork(self._open(), self._run_metrics, self._tick_metrics, self._backfill_metrics, self._relay_latency)


class _InstrumentedUnitOfWork:
    """Collects metrics until the commit. All other attributes are those of the wrapped unit of work."""

    def __init__(
        self,
        work: Any,
        run_metrics: RunMetrics,
        tick_metrics: TickMetrics,
        backfill_metrics: BackfillMetrics,
        relay_latency: RelayLatencyRecorder,
    ) -> None:
        self._work = work
        self._pending: list[PendingMetric] = []
        self._run_metrics, self._tick_metrics, self._backfill_metrics = run_metrics, tick_metrics, backfill_metrics
        self._relay_latency = relay_latency

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    async def __aenter__(self) -> Self:
        await self._work.__aenter__()
        self.runs = _InstrumentedRuns(self._work.runs, self._pending, self._run_metrics)
        self.ticks = _InstrumentedTicks(self._work.ticks, self._pending, self._tick_metrics)
        self.backfills = _InstrumentedBackfills(self._work.backfills, self._pending, self._backfill_metrics)
        self.outbox = _InstrumentedOutbox(self._work.outbox, self._pending, self._relay_latency)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._work.__aexit__(kind, error, trace)

    async def commit(self) -> None:
        await self._work.commit()
        pending, self._pending[:] = list(self._pending), []
        for send_metric in pending:
            send_metric()


class _InstrumentedRuns:
    def __init__(self, runs: Any, pending: list[PendingMetric], run_metrics: RunMetrics) -> None:
        self._runs, self._pending, self._run_metrics = runs, pending, run_metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)

    async def add(self, run: Run) -> int:
        await self.add_all([run])
        return run.id

    async def add_all(self, runs: Sequence[Run]) -> None:
        new_events = [(run, list(run.new_events)) for run in runs]
        await self._runs.add_all(runs)
        for run, events in new_events:
            self._pending.extend(self._run_metrics.collect(run, events))

    async def save(self, *runs: Run) -> None:
        new_events = [(run, list(run.new_events)) for run in runs]
        await self._runs.save(*runs)
        for run, events in new_events:
            self._pending.extend(self._run_metrics.collect(run, events))


class _InstrumentedTicks:
    def __init__(self, ticks: Any, pending: list[PendingMetric], tick_metrics: TickMetrics) -> None:
        self._ticks, self._pending, self._tick_metrics = ticks, pending, tick_metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ticks, name)

    async def add(self, ticks: Sequence[Tick]) -> None:
        await self._ticks.add(ticks)
        self._pending.extend(self._tick_metrics.collect(ticks))

    async def save(self, ticks: Sequence[Tick]) -> None:
        await self._ticks.save(ticks)
        self._pending.extend(self._tick_metrics.collect(ticks))


class _InstrumentedBackfills:
    def __init__(self, backfills: Any, pending: list[PendingMetric], backfill_metrics: BackfillMetrics) -> None:
        self._backfills, self._pending, self._backfill_metrics = backfills, pending, backfill_metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backfills, name)

    async def save_ticks(self, backfill_id: int, ticks: Sequence[BackfillTick]) -> None:
        await self._backfills.save_ticks(backfill_id, ticks)
        self._pending.extend(self._backfill_metrics.collect(ticks))


class _InstrumentedOutbox:
    def __init__(self, outbox: Any, pending: list[PendingMetric], relay_latency: RelayLatencyRecorder) -> None:
        self._outbox, self._pending, self._relay_latency = outbox, pending, relay_latency

    def __getattr__(self, name: str) -> Any:
        return getattr(self._outbox, name)

    async def lease(self, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        rows: list[OutboxRow] = await self._outbox.lease(relay, limit, seconds)
        self._relay_latency.record_leased(rows)
        return rows

    async def mark_delivered(self, run_id: int, epoch: int) -> None:
        await self._outbox.mark_delivered(run_id, epoch)
        self._pending.append(lambda: self._relay_latency.send(run_id, epoch))
