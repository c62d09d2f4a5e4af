"""Creates flow runs in Prefect for the dispatches in the outbox.

Prefect runs the dispatches of its own pools. Dispatches of Headgate's workers are only recorded there, and only if the worker neither
recorded them itself nor had the web record them.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager

from application.commands.dispatches.claims import DispatchRules
from application.commands.dispatches.flow_runs import build_flow_run_request, get_final_flow_state
from application.ports.dispatch.orchestrator import FlowRunRejected, Orchestrator
from application.ports.persistence.dispatches import DispatchRecord
from application.ports.persistence.outbox import OutboxRow
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Span, Tag, Telemetry, get_dispatch_trace_context
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState

LEASE_SECONDS = 30.0
BATCH_SIZE = 20
POLL_SECONDS = 2.0
MAX_BACKOFF_SECONDS = 30.0
MAX_REJECTIONS = 3
"""After so many rejections by Prefect, a dispatch is quarantined for QUARANTINE_SECONDS, so that it does not delay others."""
QUARANTINE_SECONDS = 3600.0
WARM_RECORD_TIMEOUT_SECONDS = 15.0
"""How long one of Headgate's workers has to record its dispatch itself."""
RECORDED_BY_WORKER = "The worker records the dispatch."


class _PrefectUnavailable(Exception):
    """Prefect does not respond. The message is a sentence that says how."""


class OutboxRelay:
    """Delivers outbox rows to Prefect at least once.

    A failed delivery is retried with exponential backoff and jitter, up to MAX_BACKOFF_SECONDS. A dispatch that Prefect keeps rejecting
    is quarantined; one that waits because Prefect is down is not. Headgate's own workers serve `warm_pools`.
    """

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
        self._rejections: Counter[int] = Counter()

    async def wait(self) -> None:
        """Return when a dispatch of one of Prefect's pools is requested, or after POLL_SECONDS."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._wakeups.outbox.wait()

    async def run_once(self) -> None:
        self._wakeups.outbox.clear()
        async with self._open_unit_of_work() as work:
            rows = await work.outbox.lease(self._name, BATCH_SIZE, LEASE_SECONDS)
            await work.commit()
        for index, row in enumerate(rows):
            try:
                await self._deliver(row)
            except _PrefectUnavailable as error:
                for remaining in rows[index:]:  # each of them would wait for the same timeout
                    await self._back_off(remaining, str(error))
                return

    async def _deliver(self, row: OutboxRow) -> None:
        is_warm = row.pool in self._warm_pools
        async with self._open_unit_of_work() as work:
            record = await work.dispatches.find(row.run_id, row.epoch)
        if record is None or (record.ended_at is not None and not is_warm and not record.claimed):
            await self._drop(row)  # if Prefect has an unclaimed flow run of it, that ends by itself: its claim is refused
        elif record.ended_at is not None:
            await self._record_finished(row, record)
        elif is_warm:
            await self._postpone(row, RECORDED_BY_WORKER, WARM_RECORD_TIMEOUT_SECONDS)
        else:
            await self._create_flow_run(row, record, None)

    async def _record_finished(self, row: OutboxRow, record: DispatchRecord) -> None:
        """Record a dispatch that has ended. If Prefect already has a flow run with its key, Prefect returns that one."""
        ended = record.ended_at or self._clock.now()
        if (self._clock.now() - ended).total_seconds() < WARM_RECORD_TIMEOUT_SECONDS:
            await self._postpone(row, RECORDED_BY_WORKER, WARM_RECORD_TIMEOUT_SECONDS)
        else:
            await self._create_flow_run(row, record, get_final_flow_state(record))

    async def _create_flow_run(self, row: OutboxRow, record: DispatchRecord, state: FlowState | None) -> None:
        request = build_flow_run_request(record, self._rules, state)
        with self._open_span(record) as span:
            try:
                flow_run_id = await self._orchestrator.create_flow_run(request)
            except FlowRunRejected as error:
                await self._handle_rejection(row, str(error), span)
                return
            except Unavailable as error:
                raise _PrefectUnavailable(str(error)) from error
            except Exception as error:  # an unreadable response counts as a rejection, so that it does not block other dispatches
                await self._handle_rejection(row, f"Headgate could not read Prefect's response: {error!r:.200}", span)
                return
            await self._mark_delivered(row, flow_run_id)

    def _open_span(self, record: DispatchRecord) -> AbstractContextManager[Span]:
        parent, links = get_dispatch_trace_context(record.trace, record.epoch)
        tags: Mapping[str, Tag] = {"pipeline": record.pipeline, "run": record.run_id, "dispatch": record.epoch}
        return self._telemetry.span("headgate.relay", record.pool, parent=parent, links=links, **tags)

    async def _mark_delivered(self, row: OutboxRow, flow_run_id: str) -> None:
        async with self._open_unit_of_work() as work:
            await work.dispatches.record_flow_run(row.run_id, row.epoch, flow_run_id)
            await work.outbox.mark_delivered(row.run_id, row.epoch)
            await work.commit()
        self._rejections.pop(row.id, None)
        self._wakeups.notify_committed()

    async def _drop(self, row: OutboxRow) -> None:
        async with self._open_unit_of_work() as work:
            await work.outbox.mark_delivered(row.run_id, row.epoch)
            await work.commit()

    async def _handle_rejection(self, row: OutboxRow, error: str, span: Span) -> None:
        span.fail("refused", error)
        self._rejections[row.id] += 1
        if self._rejections[row.id] < MAX_REJECTIONS:
            await self._back_off(row, error)
            return
        del self._rejections[row.id]
        async with self._open_unit_of_work() as work:
            await work.outbox.quarantine(row.id, error, QUARANTINE_SECONDS)
            await work.commit()

    async def _back_off(self, row: OutboxRow, error: str) -> None:
        delay = min(MAX_BACKOFF_SECONDS, 0.5 * 2 ** min(row.tries, 10))
        await self._postpone(row, error, delay * random.uniform(0.5, 1.0))

    async def _postpone(self, row: OutboxRow, error: str, delay: float) -> None:
        async with self._open_unit_of_work() as work:
            await work.outbox.postpone(row.id, error, delay)
            await work.commit()
