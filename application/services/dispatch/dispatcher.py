"""Claims requested dispatches for the workers that are connected to this process, and sends them the claims."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from application.commands.dispatches.claim_dispatch import ClaimDispatch
from application.ports.dispatch.worker_messages import Claim
from application.ports.dispatch.worker_streams import Reservation, WorkerStreams
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.services.dispatch.local_wakeups import DispatchRequest, LocalWakeups
from domain.errors import Conflict, NotFound

SLOTS_PER_CLAIM = 4
"""Slots reserved for one claim. A dispatch that starts fewer stages returns the rest; one that needs more asks for them later."""
POLL_SECONDS = 1.0
MAX_REMEMBERED = 4_096
MAX_POLLED = 64

TraceScope = Callable[[Mapping[str, str]], AbstractContextManager[None]]
"""Returns a context in which spans belong to the given trace."""


def _no_trace_scope(_: Mapping[str, str]) -> AbstractContextManager[None]:
    return nullcontext()


class Dispatcher:
    """Gives each requested dispatch to a connected worker with free slots.

    A claim is a compare-and-set, so exactly one process and worker gets a dispatch. A dispatch without a free slot stays requested and
    is served in the order of the store.
    """

    def __init__(
        self,
        worker_streams: WorkerStreams,
        wakeups: LocalWakeups,
        claim_dispatch: ClaimDispatch,
        open_unit_of_work: OpenUnitOfWork,
        trace_scope: TraceScope = _no_trace_scope,
    ) -> None:
        self._worker_streams = worker_streams
        self._request_queue = wakeups.dispatch_requests
        self._claim_dispatch = claim_dispatch
        self._open_unit_of_work = open_unit_of_work
        self._trace_scope = trace_scope
        self._received: list[DispatchRequest] = []
        self._attempted: OrderedDict[DispatchRequest, None] = OrderedDict()
        self._starved_pools: set[str] = set()
        self._waiting: OrderedDict[tuple[int, int], DispatchRequest] = OrderedDict()
        worker_streams.on_slot_freed(self._wake_for_pool)

    def has_waiting_dispatch(self, pool: str) -> bool:
        """Return True if a dispatch of the pool waits for a slot, so that new ones must not overtake it."""
        return pool in self._starved_pools

    async def wait(self) -> None:
        """Return when a dispatch is requested, when a slot becomes free for a waiting one, or after POLL_SECONDS."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                self._receive(await self._request_queue.get())

    async def run_once(self) -> None:
        while not self._request_queue.empty():
            self._receive(self._request_queue.get_nowait())
        received, self._received = self._received, []
        for request in sorted(dict.fromkeys(received), key=lambda request: -request.priority):
            if request.pool in self._starved_pools:
                self._keep_waiting(request)  # the poll below serves it after those that have waited longer
            elif request not in self._attempted:
                await self._dispatch(request)
        if not received or self._starved_pools:
            await self._poll()

    def _receive(self, request: DispatchRequest | None) -> None:
        if request is not None:
            self._received.append(request)

    def _wake_for_pool(self, pool: str) -> None:
        if pool in self._starved_pools:
            self._request_queue.put_nowait(None)

    async def _poll(self) -> None:
        """Serve requested dispatches from the store, oldest first, for every pool with a free slot."""
        for pool in self._worker_streams.pools_with_free_slots():
            self._starved_pools.discard(pool)
            async with self._open_unit_of_work() as work:
                requested = await work.dispatches.find_requested(pool, MAX_POLLED)
            for run_id, epoch in requested:
                request = self._waiting.pop((run_id, epoch), DispatchRequest(run_id, epoch, pool))
                if not await self._dispatch(request):
                    break

    async def _dispatch(self, request: DispatchRequest) -> bool:
        """Claim the dispatch for a worker. Return False if no connected worker of the pool has a free slot."""
        reservation = self._worker_streams.reserve(request.pool, SLOTS_PER_CLAIM)
        if reservation is None:
            self._starved_pools.add(request.pool)
            self._keep_waiting(request)
            return False
        await self._claim(reservation, request)
        return True

    async def _claim(self, reservation: Reservation, request: DispatchRequest) -> None:
        claim: Claim | None = None
        try:
            with contextlib.suppress(Conflict, NotFound), self._trace_scope(request.trace):
                claim = await self._claim_dispatch(request.run_id, request.epoch, reservation.worker_id, reservation.slots)
            self._remember_attempted(request)
        finally:
            self._worker_streams.finish_reservation(reservation, claim)

    def _keep_waiting(self, request: DispatchRequest) -> None:
        """Keep the request, whose trace context the store does not have, until a slot is free."""
        self._waiting.setdefault((request.run_id, request.epoch), request)
        if len(self._waiting) > MAX_REMEMBERED:
            self._waiting.popitem(last=False)

    def _remember_attempted(self, request: DispatchRequest) -> None:
        """Remember the request, so that its repetition through the change feed is skipped."""
        self._attempted[request] = None
        if len(self._attempted) > MAX_REMEMBERED:
            self._attempted.popitem(last=False)
