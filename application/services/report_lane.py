"""Group commit: reports that come while others are being stored are stored together, in one transaction."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Coroutine, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from application.commands.report_status import ReportStatus
from application.commands.status_update import StatusUpdate
from application.commands.verdicts import Answer, Answers
from application.ports.persistence import IdempotencyKey
from domain.errors import Unavailable

BATCH = 256
"""Reports stored together at most: so many cost about as much as one, and nobody waits for more."""
WAITING = 4_096
"""Reports that may wait; one more is refused, to be sent again."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    update: StatusUpdate
    answer: "asyncio.Future[Answer]"


class ReportLane:
    """Called like `ReportStatus`, and answers as that does. One a process; lists of many, and lists with a key, pass beside it.

    A caller is answered once its report is committed. Unavailable when too many wait. A caller that leaves is forgotten: its report is
    stored if it was on its way already. When a batch fails, each of it is tried alone, so that none fails for another's sake.
    """

    def __init__(self, report_status: ReportStatus, batch: int = BATCH, waiting: int = WAITING) -> None:
        self._report_status = report_status
        self._batch, self._limit = batch, waiting
        self._waiting: deque[_Waiting] = deque()
        self._driver: asyncio.Task[None] | None = None
        self._aside: set[asyncio.Task[None]] = set()

    async def __call__(self, updates: Sequence[StatusUpdate], key: IdempotencyKey | None = None) -> Answers:
        if key is not None or len(updates) != 1:
            return await self._report_status(updates, key)
        if len(self._waiting) >= self._limit:
            raise Unavailable("More reports wait than are taken at once; send it again.", retry_after=1.0, undone=True)
        waiting = _Waiting(updates[0], asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._driver is None:
            self._driver = _on_its_own(self._drive())
        return Answers([await waiting.answer])

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

    def _take(self) -> list[_Waiting]:
        """The next to be stored, in order."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < self._batch:
            waiting = self._waiting.popleft()
            if not waiting.answer.done():
                batch.append(waiting)
        return batch

    async def _carry(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._report_status.sit([waiting.update for waiting in batch])
        except Exception as error:
            self._failed(batch, error)
            return
        for waiting, answer in reversed(list(zip(batch, answers, strict=True))):
            if answer is None:
                self._waiting.appendleft(waiting)
            elif not waiting.answer.done():
                waiting.answer.set_result(answer)

    def _failed(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """A store that does not answer does not answer for each alone either, and may have committed: that is for the callers to repeat."""
        if len(batch) == 1 or (isinstance(error, Unavailable) and not error.undone):
            _refuse(batch, error)
            return
        task = _on_its_own(self._one_by_one(batch))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _one_by_one(self, batch: Sequence[_Waiting]) -> None:
        """Beside the lane, which goes on. Whoever waited in vain for a run waited for all that speak of it."""
        busy: dict[Hashable, Exception] = {}
        for waiting in batch:
            about = waiting.update.run_id or waiting.update.pipeline
            if about in busy:
                _refuse([waiting], busy[about])
                continue
            try:
                (answer,) = await self._report_status.sit([waiting.update])
            except Exception as error:
                if isinstance(error, Unavailable):
                    busy[about] = error
                _refuse([waiting], error)
            else:
                if answer is not None and not waiting.answer.done():
                    waiting.answer.set_result(answer)


def _refuse(batch: Collection[_Waiting], error: Exception) -> None:
    for waiting in batch:
        with contextlib.suppress(asyncio.InvalidStateError):
            waiting.answer.set_exception(error)


def _on_its_own(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    """A task that belongs to none of the requests it works for."""
    return asyncio.get_running_loop().create_task(work, context=Context())
