"""Worker streams that record what was pushed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence

from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun, WorkerMessage
from application.ports.dispatch.worker_streams import Reservation
from application.ports.persistence.workers import WorkerStatus


class FakeWorkerStreams:
    """`pushed` holds (worker id, message) in order. `link` opens a stream that a test need not read."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, WorkerMessage]] = []
        self._streams: dict[str, _Stream] = {}
        self._on_free: Callable[[str], None] = lambda pool: None
        self._closed = False

    def on_slot_freed(self, callback: Callable[[str], None]) -> None:
        self._on_free = callback

    def close(self) -> None:
        self._closed = True
        for worker_id in list(self._streams):
            self.unlink(worker_id)

    def link(self, worker_id: str = "worker-1", *, pool: str = "headgate", slots: int = 4) -> "_Stream":
        stream = _Stream(WorkerStatus(worker_id, worker_id, pool, slots, slots))
        self.unlink(worker_id)
        self._streams[worker_id] = stream
        return stream

    def disconnect(self, worker_id: str) -> None:
        self.unlink(worker_id)

    def token_ids(self) -> Collection[int]:
        return {stream.worker.token_id for stream in self._streams.values() if stream.worker.token_id is not None}

    def disconnect_token(self, token_id: int) -> None:
        for worker_id in [id for id, stream in self._streams.items() if stream.worker.token_id == token_id]:
            self.unlink(worker_id)

    def unlink(self, worker_id: str) -> None:
        """Close the stream, as when the worker leaves or opens another one."""
        stream = self._streams.pop(worker_id, None)
        if stream is not None:
            stream.end()

    async def open(self, worker: WorkerStatus) -> AsyncIterator[WorkerMessage]:
        self.unlink(worker.id)
        if self._closed:
            return
        stream = self._streams[worker.id] = _Stream(worker)
        try:
            async for message in stream:
                yield message
        finally:
            if self._streams.get(worker.id) is stream:
                del self._streams[worker.id]

    def set_free_slots(self, worker_id: str, free: int, received: int) -> bool:
        stream = self._streams.get(worker_id)
        if stream is not None:
            stream.free = free - sum(stream.claimed[received:]) - stream.reserved
            if stream.free > 0:
                self._on_free(stream.worker.pool)
        return stream is not None

    def pools_with_free_slots(self) -> Sequence[str]:
        return sorted({stream.worker.pool for stream in self._streams.values() if stream.free > 0})

    def reserve(self, pool: str, wanted: int) -> Reservation | None:
        candidates = [stream for stream in self._streams.values() if stream.worker.pool == pool and stream.free > 0]
        chosen = max(candidates, key=lambda stream: stream.free, default=None)
        if chosen is None:
            return None
        slots = min(max(1, wanted), chosen.free)
        chosen.free -= slots
        chosen.reserved += slots
        return Reservation(chosen.worker.id, slots)

    def finish_reservation(self, reservation: Reservation, claim: Claim | None) -> bool:
        stream = self._streams.get(reservation.worker_id)
        if stream is None:
            return False
        used = len(claim.starts) if claim is not None else 0
        stream.reserved -= reservation.slots
        stream.free += reservation.slots - used
        if claim is not None:
            stream.claimed.append(used)
            self._deliver(stream, claim)
        return True

    def push(self, worker_id: str, message: StopRun | WakeRun) -> bool:
        stream = self._streams.get(worker_id)
        if stream is not None:
            self._deliver(stream, message)
        return stream is not None

    def _deliver(self, stream: "_Stream", message: WorkerMessage) -> None:
        self.pushed.append((stream.worker.id, message))
        stream.messages.put_nowait(message)


class _Stream:
    """A worker's messages and slots. The iteration ends when the worker leaves or opens another stream."""

    def __init__(self, worker: WorkerStatus) -> None:
        self.worker = worker
        self.free = worker.free
        self.reserved = 0
        self.claimed: list[int] = []
        self.messages: asyncio.Queue[WorkerMessage | None] = asyncio.Queue()

    def __aiter__(self) -> "_Stream":
        return self

    async def __anext__(self) -> WorkerMessage:
        message = await self.messages.get()
        if message is None:
            raise StopAsyncIteration
        return message

    def end(self) -> None:
        self.messages.put_nowait(None)
