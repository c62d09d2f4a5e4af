"""Group commit: what comes while something is being stored is stored together, in one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Hashable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from domain.errors import Unavailable

MAX_BATCH_SIZE = 256
"""Stored together at most: so many cost about as much as one, and nobody waits for more."""
MAX_WAITING = 4_096
"""That many may wait; one more is refused, to be sent again."""
Item = TypeVar("Item")
Answer = TypeVar("Answer")
ProcessBatch = Callable[[Sequence[Item]], Awaitable[Sequence[Answer | Exception | None]]]
"""One transaction over items in order: an answer each, or what was refused; None for one that is to be asked again, never for the first."""


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Answer]):
    item: Item
    answer: "asyncio.Future[Answer]"
    context: Context


class Batcher(Generic[Item, Answer]):
    """Answers each caller once its item is committed. One a process for each kind of item.

    Unavailable when too many wait. A caller that leaves is forgotten: its item is stored if it was on its way already. When a batch
    fails, each of it is tried alone, so that none fails for another's sake. `about` names what an item would have to wait for.
    """

    def __init__(
        self,
        process_batch: ProcessBatch[Item, Answer],
        about: Callable[[Item], Hashable],
        batch: int = MAX_BATCH_SIZE,
        waiting: int = MAX_WAITING,
    ) -> None:
        self._process_batch, self._about = process_batch, about
        self._batch, self._limit = batch, waiting
        self._waiting: deque[_Waiting[Item, Answer]] = deque()
        self._driver: asyncio.Task[None] | None = None
        self._aside: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Answer:
        if len(self._waiting) >= self._limit:
            raise Unavailable("More of these wait than are taken at once; send it again.", retry_after=1.0, undone=True)
        waiting: _Waiting[Item, Answer] = _Waiting(item, asyncio.get_running_loop().create_future(), copy_context())
        self._waiting.append(waiting)
        if self._driver is None:
            self._driver = _on_its_own(self._drive())
        return await waiting.answer

    @property
    def is_idle(self) -> bool:
        return not self._waiting and not self._aside and self._driver is None

    async def drain(self) -> None:
        """Return once nothing waits any more."""
        while tasks := [*self._aside, *([self._driver] if self._driver else [])]:
            await asyncio.wait(tasks)

    async def _drive(self) -> None:
        try:
            while batch := self._take():
                await self._carry(batch)
        finally:
            self._driver = None

    def _take(self) -> list[_Waiting[Item, Answer]]:
        """The next to be stored, in order."""
        batch: list[_Waiting[Item, Answer]] = []
        while self._waiting and len(batch) < self._batch:
            waiting = self._waiting.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
        return batch

    async def _carry(self, batch: Sequence[_Waiting[Item, Answer]]) -> None:
        try:
            answers = await self._together(batch)
        except Exception as error:
            self._failed(batch, error)
            return
        for waiting, answer in reversed(list(zip(batch, answers, strict=True))):
            if answer is None:
                self._waiting.appendleft(waiting)
            else:
                _tell(waiting, answer)

    def _together(self, batch: Sequence[_Waiting[Item, Answer]]) -> "asyncio.Task[Sequence[Answer | Exception | None]]":
        """What is traced of it belongs to the first."""
        sitting = _awaited(self._process_batch([waiting.item for waiting in batch]))
        return asyncio.get_running_loop().create_task(sitting, context=batch[0].context)

    def _failed(self, batch: Sequence[_Waiting[Item, Answer]], error: Exception) -> None:
        """A store that does not answer does not answer for each alone either, and may have committed: that is for the callers to repeat."""
        if len(batch) == 1 or (isinstance(error, Unavailable) and not error.undone):
            _refuse(batch, error)
            return
        task = _on_its_own(self._one_by_one(batch))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _one_by_one(self, batch: Sequence[_Waiting[Item, Answer]]) -> None:
        """Beside the lane, which goes on. Whoever waited in vain for something waited for all that are about it."""
        busy: dict[Hashable, Exception] = {}
        for waiting in batch:
            about = self._about(waiting.item)
            if about in busy:
                _tell(waiting, busy[about])
                continue
            try:
                (answer,) = await self._together([waiting])
            except Exception as error:
                if isinstance(error, Unavailable):
                    busy[about] = error
                answer = error
            if answer is not None:
                _tell(waiting, answer)


async def _awaited(work: Awaitable[Sequence[Answer | Exception | None]]) -> Sequence[Answer | Exception | None]:
    return await work


def _tell(waiting: _Waiting[Any, Answer], answer: Answer | Exception) -> None:
    if waiting.answer.done():
        return  # the caller has left
    if isinstance(answer, Exception):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)


def _refuse(batch: Collection[_Waiting[Any, Any]], error: Exception) -> None:
    for waiting in batch:
        _tell(waiting, error)


def _on_its_own(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """A task that belongs to none of the requests it works for."""
    return asyncio.get_running_loop().create_task(work, context=Context())
