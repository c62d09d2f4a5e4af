"""Streams to workers, in this process's memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun, WorkerMessage
from application.ports.dispatch.worker_streams import Reservation
from application.ports.persistence.workers import WorkerStatus


@dataclass(slots=True)
class _Link:
    worker: WorkerStatus
    queue: asyncio.Queue[WorkerMessage | None] = field(default_factory=asyncio.Queue)
    reported_free: int = 0
    reserved: int = 0
    pushed: list[int] = field(default_factory=list)
    """Slots of each claim pushed, in order; the worker acknowledges a prefix by its count."""
    received: int = 0

    @property
    def free(self) -> int:
        return self.reported_free - self.reserved - sum(self.pushed[self.received :])


class InMemoryWorkerStreams:
    """See the port. One event loop only."""

    def __init__(self) -> None:
        self._links: dict[str, _Link] = {}
        self._on_free: Callable[[str], None] = lambda pool: None
        self._closed = False

    async def open(self, worker: WorkerStatus) -> AsyncIterator[WorkerMessage]:
        self._close(worker.id)
        if self._closed:
            return
        link = self._links[worker.id] = _Link(worker, reported_free=worker.free)
        if worker.free > 0:
            self._on_free(worker.pool)
        try:
            while (message := await link.queue.get()) is not None:
                yield message
        finally:
            if self._links.get(worker.id) is link:
                del self._links[worker.id]

    def set_free_slots(self, worker_id: str, free: int, received: int) -> None:
        if link := self._links.get(worker_id):
            link.reported_free, link.received = free, received
            if link.free > 0:
                self._on_free(link.worker.pool)

    def on_slot_freed(self, callback: Callable[[str], None]) -> None:
        self._on_free = callback

    def pools(self) -> Sequence[str]:
        return sorted({link.worker.pool for link in self._links.values() if link.free > 0})

    def reserve(self, pool: str, wanted: int) -> Reservation | None:
        candidates = [link for link in self._links.values() if link.worker.pool == pool and link.free > 0]
        if not candidates:
            return None
        link = max(candidates, key=lambda link: link.free)
        slots = min(link.free, max(1, wanted))
        link.reserved += slots
        return Reservation(link.worker.id, slots)

    def finish_reservation(self, reservation: Reservation, claim: Claim | None) -> bool:
        link = self._links.get(reservation.worker_id)
        if link is None:
            return False
        link.reserved -= reservation.slots
        if claim is not None:
            link.pushed.append(len(claim.starts))
            link.queue.put_nowait(claim)
        return True

    def push(self, worker_id: str, message: StopRun | WakeRun) -> bool:
        link = self._links.get(worker_id)
        if link is not None:
            link.queue.put_nowait(message)
        return link is not None

    def close(self) -> None:
        """End every stream, and those to come: a worker that comes back at once would hold up the end of the process."""
        self._closed = True
        for worker_id in list(self._links):
            self._close(worker_id)

    def _close(self, worker_id: str) -> None:
        if link := self._links.pop(worker_id, None):
            link.queue.put_nowait(None)
