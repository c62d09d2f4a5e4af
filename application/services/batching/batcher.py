"""Group commit: stores the items that arrive during a transaction together in the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.errors import Unavailable

MAX_BATCH_SIZE = 256
"""A batch of this size takes about as long to store as a single item."""
MAX_WAITING = 4_096
"""Items beyond this limit are refused with Unavailable."""
Item = TypeVar("Item")
Answer = TypeVar("Answer")
ProcessBatch = Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception]]]
"""Processes items in order, in one transaction. Returns an answer or an exception for each."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Item, Answer]):
    item: Item
    answer: "asyncio.Future[Answer]"
    context: Context


class Batcher(Generic[Item, Answer]):
    """Processes submitted items in batches, one batch at a time, and answers each caller after the commit.

    If a batch fails, each of its items is processed alone, so that an item cannot fail because of another. `get_lock_key` returns what
    an item has to wait for, such as its run. A caller that is cancelled gets no answer; its item may be stored nevertheless.
    """

    def __init__(
        self,
        process_batch: ProcessBatch[Item, Answer],
        get_lock_key: Callable[[Item], Hashable],
        max_batch_size: int = MAX_BATCH_SIZE,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._process_batch, self._get_lock_key = process_batch, get_lock_key
        self._max_batch_size, self._max_waiting = max_batch_size, max_waiting
        self._waiting: deque[_Entry[Item, Answer]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._retries: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Answer:
        """Return the item's answer once it is committed. Unavailable if too many items wait."""
        if len(self._waiting) >= self._max_waiting:
            raise Unavailable("Too many requests of this kind are waiting. Try again.", retry_after=1.0, nothing_done=True)
        entry: _Entry[Item, Answer] = _Entry(item, asyncio.get_running_loop().create_future(), copy_context())
        self._waiting.append(entry)
        if self._worker is None:
            self._worker = _create_detached_task(self._process_waiting())
        return await entry.answer

    @property
    def is_idle(self) -> bool:
        return not self._waiting and not self._retries and self._worker is None

    async def drain(self) -> None:
        """Return once all submitted items are answered."""
        while tasks := [*self._retries, *([self._worker] if self._worker else [])]:
            await asyncio.wait(tasks)

    async def _process_waiting(self) -> None:
        try:
            while batch := self._next_batch():
                await self._process(batch)
        finally:
            self._worker = None

    def _next_batch(self) -> list[_Entry[Item, Answer]]:
        batch: list[_Entry[Item, Answer]] = []
        while self._waiting and len(batch) < self._max_batch_size:
            entry = self._waiting.popleft()
            if not entry.answer.done():
                batch.append(entry)
        return batch

    async def _process(self, batch: Sequence[_Entry[Item, Answer]]) -> None:
        try:
            answers = await self._create_batch_task(batch)
        except Exception as error:
            self._handle_failure(batch, error)
            return
        for entry, answer in zip(batch, answers, strict=True):
            _resolve(entry, answer)

    def _create_batch_task(self, batch: Sequence[_Entry[Item, Answer]]) -> "asyncio.Task[Sequence[Answer | Exception]]":
        """Process the batch in the context of its first caller, whose trace gets the spans."""
        work = _as_coroutine(self._process_batch([entry.item for entry in batch]))
        return asyncio.get_running_loop().create_task(work, context=batch[0].context)

    def _handle_failure(self, batch: Sequence[_Entry[Item, Answer]], error: Exception) -> None:
        """Retry the items one by one, except after an outage: the batch may be committed, and callers have to repeat their requests."""
        if len(batch) == 1 or (isinstance(error, Unavailable) and not error.nothing_done):
            for entry in batch:
                _resolve(entry, error)
            return
        task = _create_detached_task(self._process_one_by_one(batch))
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    async def _process_one_by_one(self, batch: Sequence[_Entry[Item, Answer]]) -> None:
        """Process each item alone, beside the batches that follow. If one waits for a lock in vain, fail the others with the same key."""
        unavailable: dict[Hashable, Exception] = {}
        for entry in batch:
            key = self._get_lock_key(entry.item)
            if key in unavailable:
                _resolve(entry, unavailable[key])
                continue
            try:
                (answer,) = await self._create_batch_task([entry])
            except Exception as error:
                if isinstance(error, Unavailable):
                    unavailable[key] = error
                answer = error
            _resolve(entry, answer)


async def _as_coroutine(work: Awaitable[Sequence[Answer | Exception]]) -> Sequence[Answer | Exception]:
    return await work


def _resolve(entry: _Entry[Any, Answer], answer: Answer | Exception) -> None:
    if entry.answer.done():
        return  # the caller was cancelled
    if isinstance(answer, Exception):
        entry.answer.set_exception(answer)
    else:
        entry.answer.set_result(answer)


def _create_detached_task(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """Return a task with an empty context, because it works for many requests."""
    return asyncio.get_running_loop().create_task(work, context=Context())
