"""Claims requested dispatches for workers whose stream this process holds, and pushes the claims to them."""

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
"""Slots held for one claim; a dispatch that starts fewer stages gives the rest back, one with more asks again itself."""
POLL_SECONDS = 1.0
REMEMBERED = 4_096

TraceScope = Callable[[Mapping[str, str]], AbstractContextManager[None]]
"""Within it, what is traced belongs to the trace given."""


def _untraced(_: Mapping[str, str]) -> AbstractContextManager[None]:
    return nullcontext()


class Dispatcher:
    """Claim compare-and-set, one winner among processes and workers; a dispatch nobody can take stays requested."""

    def __init__(
        self,
        links: WorkerStreams,
        wakeups: LocalWakeups,
        claim_dispatch: ClaimDispatch,
        open_unit_of_work: OpenUnitOfWork,
        trace_scope: TraceScope = _untraced,
    ) -> None:
        self._links = links
        self._offers = wakeups.dispatch_requests
        self._claim_dispatch = claim_dispatch
        self._open_unit_of_work = open_unit_of_work
        self._trace_scope = trace_scope
        self._hinted: list[DispatchRequest] = []
        self._tried: OrderedDict[DispatchRequest, None] = OrderedDict()
        self._starved: set[str] = set()
        self._unserved: OrderedDict[tuple[int, int], DispatchRequest] = OrderedDict()
        links.on_slot_freed(self._slot_is_free)

    def has_waiting_dispatch(self, pool: str) -> bool:
        """Whether a dispatch of the pool waits for a slot: no other is to be served before it."""
        return pool in self._starved

    async def wait(self) -> None:
        """Until a dispatch is offered or a slot is free again, or it is time to look for what no hint told of."""
        with contextlib.suppress(TimeoutError):
            self._take(await asyncio.wait_for(self._offers.get(), POLL_SECONDS))

    async def run_once(self) -> None:
        while not self._offers.empty():
            self._take(self._offers.get_nowait())
        hinted, self._hinted = self._hinted, []
        for offer in dict.fromkeys(hinted):
            if offer.pool in self._starved:
                self._keep(offer)  # it is served in its turn, behind those that have waited longer
            elif offer not in self._tried:
                await self._offer(offer)
        if not hinted or self._starved:
            await self._look()

    def _take(self, offer: DispatchRequest | None) -> None:
        if offer is not None:
            self._hinted.append(offer)

    def _slot_is_free(self, pool: str) -> None:
        if pool in self._starved:
            self._offers.put_nowait(None)

    async def _look(self) -> None:
        for pool in self._links.pools():
            self._starved.discard(pool)
            async with self._open_unit_of_work() as work:
                requested = await work.dispatches.requested(pool, 64)
            for run_id, epoch in requested:
                if not await self._offer(self._unserved.pop((run_id, epoch), DispatchRequest(run_id, epoch, pool))):
                    break

    async def _offer(self, offer: DispatchRequest) -> bool:
        """False when no worker linked here has a slot."""
        reservation = self._links.reserve(offer.pool, SLOTS_PER_CLAIM)
        if reservation is None:
            self._starved.add(offer.pool)
            self._keep(offer)
            return False
        await self._claim_for(reservation, offer)
        return True

    async def _claim_for(self, reservation: Reservation, offer: DispatchRequest) -> None:
        claim: Claim | None = None
        try:
            with contextlib.suppress(Conflict, NotFound), self._trace_scope(offer.trace):
                claim = await self._claim_dispatch(offer.run_id, offer.epoch, reservation.worker_id, reservation.slots)
            self._remember(offer)
        finally:
            self._links.finish_reservation(reservation, claim)

    def _keep(self, offer: DispatchRequest) -> None:
        """What the offer knows of its trace outlives the wait for a slot."""
        self._unserved.setdefault((offer.run_id, offer.epoch), offer)
        if len(self._unserved) > REMEMBERED:
            self._unserved.popitem(last=False)

    def _remember(self, offer: DispatchRequest) -> None:
        """A dispatch is claimed once: its request, heard again through the feed, need not be tried again."""
        self._tried[offer] = None
        if len(self._tried) > REMEMBERED:
            self._tried.popitem(last=False)
