"""Carries bursts from the outbox to Prefect: other pools' bursts to be run there, our own only if their worker left no record."""

import asyncio
import contextlib
import random

from application.commands.carry_burst import BurstRules, burst_key
from application.ports.clock import Clock
from application.ports.orchestrator import FlowRunRequest, FlowState, Orchestrator
from application.ports.persistence import BurstRecord, OpenUnitOfWork, OutboxRow
from application.services.wakeups import LocalWakeups
from domain.burst import BurstState
from domain.errors import Unavailable
from domain.status import Status

LEASE_SECONDS = 30.0
BATCH = 20
POLL_SECONDS = 2.0
WARM_PATIENCE = 15.0
"""Seconds given to a warm worker to record its burst itself."""


class RelayOutbox:
    """`warm_pools` are served by Headgate's own workers. A failed delivery backs off with jitter, up to 30 s."""

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        orchestrator: Orchestrator,
        clock: Clock,
        wakeups: LocalWakeups,
        rules: BurstRules,
        warm_pools: frozenset[str],
        name: str,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._orchestrator = orchestrator
        self._clock = clock
        self._wakeups = wakeups
        self._rules = rules
        self._warm_pools = warm_pools
        self._name = name

    async def wait(self) -> None:
        """Until a burst of another pool is requested, or it is time to look for what no hint told of."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wakeups.outbox.wait(), POLL_SECONDS)

    async def run_once(self) -> None:
        self._wakeups.outbox.clear()
        async with self._open_unit_of_work() as work:
            rows = await work.outbox.lease(self._name, BATCH, LEASE_SECONDS)
            await work.commit()
        for row in rows:
            await self._deliver(row)

    async def _deliver(self, row: OutboxRow) -> None:
        async with self._open_unit_of_work() as work:
            record = await work.bursts.find(row.run_id, row.epoch)
        state = self._state_to_record(row, record)
        if record is None or (state is None and row.pool not in self._warm_pools and record.ended_at is not None):
            await self._drop(row)
        elif state is None and row.pool in self._warm_pools:
            await self._postpone(row, "its worker records it", WARM_PATIENCE)
        else:
            await self._create(row, record, state)

    def _state_to_record(self, row: OutboxRow, record: BurstRecord | None) -> FlowState | None:
        """How a warm burst ended whose worker left no record of it; None while it may still record it, or another pool's."""
        if record is None or row.pool not in self._warm_pools or record.ended_at is None:
            return None
        old_enough = (self._clock.now() - record.ended_at).total_seconds() >= WARM_PATIENCE
        return final_state(record) if old_enough else None

    async def _create(self, row: OutboxRow, record: BurstRecord, state: FlowState | None) -> None:
        request = FlowRunRequest(
            pool=row.pool,
            key=burst_key(self._rules, row.run_id, row.epoch),
            name=f"{record.pipeline} #{record.number}" + (f" burst {row.epoch}" if row.epoch > 1 else ""),
            parameters={"run_id": row.run_id, "number": record.number, "epoch": row.epoch},
            state=state,
        )
        try:
            flow_run_id = await self._orchestrator.create_flow_run(request)
        except Unavailable as error:
            await self._postpone(row, str(error), min(30.0, 0.5 * 2**row.tries) * random.uniform(0.5, 1.0))
            return
        async with self._open_unit_of_work() as work:
            await work.bursts.note_flow_run(row.run_id, row.epoch, flow_run_id)
            await work.outbox.done(row.run_id, row.epoch)
            await work.commit()
        self._wakeups.committed()

    async def _drop(self, row: OutboxRow) -> None:
        async with self._open_unit_of_work() as work:
            await work.outbox.done(row.run_id, row.epoch)
            await work.commit()

    async def _postpone(self, row: OutboxRow, error: str, delay: float) -> None:
        async with self._open_unit_of_work() as work:
            await work.outbox.postpone(row.id, error, delay)
            await work.commit()


def final_state(record: BurstRecord) -> FlowState:
    """What a burst that is over is in Prefect: its own end, not the run's, unless the run ended with it."""
    if record.lost:
        return FlowState.CRASHED
    ends = {Status.FAILED: FlowState.FAILED, Status.CANCELLED: FlowState.CANCELLED, Status.LOST: FlowState.CRASHED}
    return ends.get(record.run_status, FlowState.COMPLETED) if record.state is BurstState.NONE else FlowState.COMPLETED
