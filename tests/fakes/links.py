"""Links to workers that remember what was pushed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from application.ports.links import Message
from application.ports.persistence import WorkerSeen


class FakeLinks:
    """`pushed` has (worker id, message) in order. `link` opens a stream that a test need not read."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, Message]] = []
        self._streams: dict[str, _Stream] = {}
        self._workers: dict[str, WorkerSeen] = {}

    def link(self, worker_id: str = "worker-1", *, pool: str = "headgate", slots: int = 4) -> WorkerSeen:
        worker = WorkerSeen(worker_id, worker_id, pool, slots, slots)
        self.open(worker)
        return worker

    def open(self, worker: WorkerSeen) -> AsyncIterator[Message]:
        earlier = self._streams.get(worker.id)
        if earlier is not None:
            earlier.end()
        stream = _Stream(self, worker.id)
        self._streams[worker.id] = stream
        self._workers[worker.id] = worker
        return stream

    def set_free(self, worker_id: str, free: int) -> None:
        if worker_id in self._workers:
            self._workers[worker_id] = replace(self._workers[worker_id], free=free)

    def reserve(self, pool: str) -> WorkerSeen | None:
        fitting = [worker for worker in self._workers.values() if worker.pool == pool and worker.free > 0]
        chosen = max(fitting, key=lambda worker: worker.free, default=None)
        if chosen is not None:
            self.set_free(chosen.id, 0)
        return chosen

    def give_back(self, worker_id: str, slots: int) -> None:
        worker = self._workers.get(worker_id)
        if worker is not None:
            self.set_free(worker_id, min(worker.slots, worker.free + slots))

    def push(self, worker_id: str, message: Message) -> bool:
        stream = self._streams.get(worker_id)
        if stream is None:
            return False
        self.pushed.append((worker_id, message))
        stream.put(message)
        return True

    def is_linked(self, worker_id: str) -> bool:
        return worker_id in self._streams

    def leave(self, stream: "_Stream", worker_id: str) -> None:
        if self._streams.get(worker_id) is stream:
            del self._streams[worker_id], self._workers[worker_id]


class _Stream:
    """One worker's messages; ends when it leaves or opens another."""

    def __init__(self, links: FakeLinks, worker_id: str) -> None:
        self._links = links
        self._worker_id = worker_id
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()

    def __aiter__(self) -> "_Stream":
        return self

    async def __anext__(self) -> Message:
        message = await self._messages.get()
        if message is None:
            raise StopAsyncIteration
        return message

    async def aclose(self) -> None:
        self._links.leave(self, self._worker_id)
        self.end()

    def put(self, message: Message) -> None:
        self._messages.put_nowait(message)

    def end(self) -> None:
        self._messages.put_nowait(None)
