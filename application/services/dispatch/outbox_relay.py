"""Carries dispatches from the outbox to Prefect: other pools' dispatches to be run there, our own only if their worker left no record."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager

from application.commands.dispatches.claims import DispatchRules, dispatch_key
from application.ports.dispatch.orchestrator import FlowRunRejected, FlowRunRequest, FlowState, Orchestrator
from application.ports.persistence.dispatches import DispatchRecord
from application.ports.persistence.outbox import OutboxRow
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Span, Tag, Telemetry, place_of_dispatch
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.errors import Unavailable
from domain.runs.dispatch import DispatchState
from domain.runs.status import Status

LEASE_SECONDS = 30.0
BATCH = 20
POLL_SECONDS = 2.0
MAX_REFUSALS = 3
"""Refusals by Prefect after which a dispatch is left alone for QUARANTINE_SECONDS seconds, so that it takes no turn of others."""
QUARANTINE_SECONDS = 3600.0
WARM_RECORD_TIMEOUT_SECONDS = 15.0
"""Seconds given to a warm worker to record its dispatch itself."""


class _NoAnswer(Exception):
    """Prefect does not answer; the sentence says how."""


class OutboxRelay:
    """`warm_pools` are served by Headgate's own workers. A failed delivery backs off with jitter, up to 30 s; one that Prefect
    refuses again and again is put in quarantine. A Prefect that does not answer is no fault of the dispatch, and puts none there."""

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        orchestrator: Orchestrator,
        clock: Clock,
        wakeups: LocalWakeups,
        rules: DispatchRules,
        warm_pools: frozenset[str],
        telemetry: Telemetry,
        name: str,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._orchestrator = orchestrator
        self._clock = clock
        self._wakeups = wakeups
        self._rules = rules
        self._warm_pools = warm_pools
        self._telemetry = telemetry
        self._name = name
        self._refusals: Counter[int] = Counter()

    async def wait(self) -> None:
        """Until a dispatch of another pool is requested, or it is time to look for what no hint told of."""
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
            record = await work.dispatches.find(row.run_id, row.epoch)
        if record is None or (record.ended_at is not None and row.pool not in self._warm_pools and not record.claimed):
            await self._drop(row)  # a flow run that nobody claimed it for ends by itself: its claim is refused
        elif record.ended_at is not None:
            await self._record_end(row, record)
        elif row.pool in self._warm_pools:
            await self._postpone(row, "its worker records it", WARM_RECORD_TIMEOUT_SECONDS)
        else:
            await self._create(row, record, None)

    async def _record_end(self, row: OutboxRow, record: DispatchRecord) -> None:
        """A dispatch that is over, of which Prefect may know nothing, or have a flow run that we do not know: its key finds it."""
        ended = record.ended_at or self._clock.now()
        if (self._clock.now() - ended).total_seconds() < WARM_RECORD_TIMEOUT_SECONDS:
            await self._postpone(row, "its worker records it", WARM_RECORD_TIMEOUT_SECONDS)
        else:
            await self._create(row, record, get_final_flow_state(record))

    async def _create(self, row: OutboxRow, record: DispatchRecord, state: FlowState | None) -> None:
        request = FlowRunRequest(
            pool=row.pool,
            key=dispatch_key(self._rules, row.run_id, row.epoch),
            name=f"{record.pipeline} #{record.number}" + (f" dispatch {row.epoch}" if row.epoch > 1 else ""),
            parameters={"run_id": row.run_id, "number": record.number, "epoch": row.epoch},
            state=state,
        )
        with self._traced(record) as span:
            try:
                flow_run_id = await self._orchestrator.create_flow_run(request)
            except FlowRunRejected as error:
                await self._refused(row, str(error), span)
                return
            except Unavailable as error:
                raise _NoAnswer(str(error)) from error
            except Exception as error:  # an answer that we cannot read is a refusal too: others must not wait behind it
                await self._refused(row, f"Prefect's answer was not understood: {error!r:.200}", span)
                return
            await self._delivered(row, flow_run_id)

    def _traced(self, record: DispatchRecord) -> AbstractContextManager[Span]:
        parent, links = place_of_dispatch(record.trace, record.epoch)
        tags: Mapping[str, Tag] = {"pipeline": record.pipeline, "run": record.run_id, "dispatch": record.epoch}
        return self._telemetry.span("headgate.relay", record.pool, parent=parent, links=links, **tags)

    async def _delivered(self, row: OutboxRow, flow_run_id: str) -> None:
        async with self._open_unit_of_work() as work:
            await work.dispatches.record_flow_run(row.run_id, row.epoch, flow_run_id)
            await work.outbox.mark_delivered(row.run_id, row.epoch)
            await work.commit()
        self._refusals.pop(row.id, None)
        self._wakeups.notify_committed()

    async def _drop(self, row: OutboxRow) -> None:
        async with self._open_unit_of_work() as work:
            await work.outbox.mark_delivered(row.run_id, row.epoch)
            await work.commit()

    async def _refused(self, row: OutboxRow, error: str, span: Span) -> None:
        span.fail("refused", error)
        self._refusals[row.id] += 1
        if self._refusals[row.id] < MAX_REFUSALS:
            await self._put_off(row, error)
            return
        del self._refusals[row.id]
        async with self._open_unit_of_work() as work:
            await work.outbox.quarantine(row.id, error, QUARANTINE_SECONDS)
            await work.commit()

    async def _put_off(self, row: OutboxRow, error: str) -> None:
        await self._postpone(row, error, min(30.0, 0.5 * 2 ** min(row.tries, 10)) * random.uniform(0.5, 1.0))

    async def _postpone(self, row: OutboxRow, error: str, delay: float) -> None:
        async with self._open_unit_of_work() as work:
            await work.outbox.postpone(row.id, error, delay)
            await work.commit()


def get_final_flow_state(record: DispatchRecord) -> FlowState:
    """What a dispatch that is over is in Prefect: its own end, not the run's, unless the run ended with it."""
    if record.lost:
        return FlowState.CRASHED
    ends = {Status.FAILED: FlowState.FAILED, Status.CANCELLED: FlowState.CANCELLED, Status.LOST: FlowState.CRASHED}
    return ends.get(record.run_status, FlowState.COMPLETED) if record.state is DispatchState.NONE else FlowState.COMPLETED
