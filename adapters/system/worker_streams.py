"""Worker streams in the memory of this process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field

from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun, WorkerMessage
from application.ports.dispatch.worker_streams import Reservation
from application.ports.persistence.workers import WorkerStatus


@dataclass(slots=True)
class _Stream:
    worker: WorkerStatus
    queue: asyncio.Queue[WorkerMessage | None] = field(default_factory=asyncio.Queue)
    reported_free: int = 0
    reserved: int = 0
    claim_slots: list[int] = field(default_factory=list)
    """The slots of each claim sent, in order. The worker acknowledges claims by their count."""
    received: int = 0

    @property
    def free(self) -> int:
        return self.reported_free - self.reserved - sum(self.claim_slots[self.received :])


class InMemoryWorkerStreams:
    """Implements `WorkerStreams` with a queue per worker. All calls must come from one event loop."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._on_slot_freed: Callable[[str], None] = lambda pool: None
        self._is_closed = False

    async def open(self, worker: WorkerStatus) -> AsyncIterator[WorkerMessage]:
        self.disconnect(worker.id)
        if self._is_closed:
            return
        stream = self._streams[worker.id] = _Stream(worker, reported_free=worker.free)
        if worker.free > 0:
            self._on_slot_freed(worker.pool)
        try:
            while (message := await stream.queue.get()) is not None:
                yield message
        finally:
            if self._streams.get(worker.id) is stream:
                del self._streams[worker.id]

    def set_free_slots(self, worker_id: str, free: int, received: int) -> bool:
        stream = self._streams.get(worker_id)
        if stream is None:
            return False
        stream.reported_free, stream.received = free, received
        if stream.free > 0:
            self._on_slot_freed(stream.worker.pool)
        return True

    def on_slot_freed(self, callback: Callable[[str], None]) -> None:
        self._on_slot_freed = callback

    def pools_with_free_slots(self) -> Sequence[str]:
        return sorted({stream.worker.pool for stream in self._streams.values() if stream.free > 0})

    def reserve(self, pool: str, wanted: int) -> Reservation | None:
        candidates = [stream for stream in self._streams.values() if stream.worker.pool == pool and stream.free > 0]
        if not candidates:
            return None
        stream = max(candidates, key=lambda candidate: candidate.free)
        slots = min(stream.free, max(1, wanted))
        stream.reserved += slots
        return Reservation(stream.worker.id, slots)

    def finish_reservation(self, reservation: Reservation, claim: Claim | None) -> bool:
        stream = self._streams.get(reservation.worker_id)
        if stream is None:
            return False
        stream.reserved -= reservation.slots
        if claim is not None:
            stream.claim_slots.append(len(claim.starts))
            stream.queue.put_nowait(claim)
        return True

    def push(self, worker_id: str, message: StopRun | WakeRun) -> bool:
        stream = self._streams.get(worker_id)
        if stream is not None:
            stream.queue.put_nowait(message)
        return stream is not None

    def token_ids(self) -> Collection[int]:
        return {stream.worker.token_id for stream in self._streams.values() if stream.worker.token_id is not None}

    def disconnect_token(self, token_id: int) -> None:
        for worker_id in [stream.worker.id for stream in self._streams.values() if stream.worker.token_id == token_id]:
            self.disconnect(worker_id)

    def close(self) -> None:
        """End all streams and refuse new ones: a worker that reconnects would delay the end of the process."""
        self._is_closed = True
        for worker_id in list(self._streams):
            self.disconnect(worker_id)

    def disconnect(self, worker_id: str) -> None:
        if stream := self._streams.pop(worker_id, None):
            stream.queue.put_nowait(None)
