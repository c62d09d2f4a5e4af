"""Carries bursts from the outbox to Prefect: other pools' bursts to be run there, our own only if their worker left no record."""

import asyncio
import contextlib
import random
from collections import Counter

from application.commands.carry_burst import BurstRules, burst_key
from application.ports.clock import Clock
from application.ports.orchestrator import FlowRunRequest, FlowState, Orchestrator, RefusedByEngine
from application.ports.persistence import BurstRecord, OpenUnitOfWork, OutboxRow
from application.services.wakeups import LocalWakeups
from domain.burst import BurstState
from domain.errors import Unavailable
from domain.status import Status

LEASE_SECONDS = 30.0
BATCH = 20
POLL_SECONDS = 2.0
REFUSALS = 3
"""Refusals by Prefect after which a burst is left alone for QUARANTINE seconds, so that it takes no turn of others."""
QUARANTINE = 3600.0
WARM_PATIENCE = 15.0
"""Seconds given to a warm worker to record its burst itself."""


class _NoAnswer(Exception):
    """Prefect does not answer; the sentence says how."""


class RelayOutbox:
    """`warm_pools` are served by Headgate's own workers. A failed delivery backs off with jitter, up to 30 s; one that Prefect
    refuses again and again is put in quarantine. A Prefect that does not answer is no fault of the burst, and puts none there."""

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
        self._refusals: Counter[int] = Counter()

    async def wait(self) -> None:
        """Until a burst of another pool is requested, or it is time to look for what no hint told of."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wakeups.outbox.wait(), POLL_SECONDS)

    async def run_once(self) -> None:
        self._wakeups.outbox.clear()
        async with self._open_unit_of_work() as work:
            rows = await work.outbox.lease(self._name, BATCH, LEASE_SECONDS)
            await work.commit()
        for place, row in enumerate(rows):
            try:
                await self._deliver(row)
            except _NoAnswer as silence:
                for waiting in rows[place:]:  # each would wait for the same silence
                    await self._put_off(waiting, str(silence))
                return

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
        """How a burst ended of which Prefect may have no word, or a wrong one: a warm one whose worker left no record, or another pool's
        that was lost before we knew its flow run. None while it may still be recorded."""
        if record is None or record.ended_at is None:
            return None
        if row.pool not in self._warm_pools:
            return final_state(record) if record.lost else None
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
        except RefusedByEngine as error:
            await self._refused(row, str(error))
            return
        except Unavailable as error:
            raise _NoAnswer(str(error)) from error
        except Exception as error:  # an answer that we cannot read is a refusal too: others must not wait behind it
            await self._refused(row, f"Prefect's answer was not understood: {error!r:.200}")
            return
        async with self._open_unit_of_work() as work:
            await work.bursts.note_flow_run(row.run_id, row.epoch, flow_run_id)
            await work.outbox.done(row.run_id, row.epoch)
            await work.commit()
        self._refusals.pop(row.id, None)
        self._wakeups.committed()

    async def _drop(self, row: OutboxRow) -> None:
        async with self._open_unit_of_work() as work:
            await work.outbox.done(row.run_id, row.epoch)
            await work.commit()

    async def _refused(self, row: OutboxRow, error: str) -> None:
        self._refusals[row.id] += 1
        if self._refusals[row.id] < REFUSALS:
            await self._put_off(row, error)
            return
        del self._refusals[row.id]
        async with self._open_unit_of_work() as work:
            await work.outbox.quarantine(row.id, error, QUARANTINE)
            await work.commit()

    async def _put_off(self, row: OutboxRow, error: str) -> None:
        await self._postpone(row, error, min(30.0, 0.5 * 2 ** min(row.tries, 10)) * random.uniform(0.5, 1.0))

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
