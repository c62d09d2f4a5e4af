"""A process of the simulated world: its tasks begin and end with it, and it can be killed, frozen and revived."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Any

CURRENT: ContextVar["Process | None"] = ContextVar("process", default=None)
"""The process a turn of the loop belongs to."""


class Process:
    """`on_defect` hears of every exception that one of its own tasks ends with."""

    def __init__(self, name: str, on_defect: Callable[[str], None]) -> None:
        self.name = name
        self.is_up = False
        self.is_frozen = self.is_halted = False
        self.frozen_handles: list[Any] = []
        self._on_defect = on_defect
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run it as a part of this process, whoever asks."""
        context = copy_context()
        context.run(CURRENT.set, self)
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop, context=context)
        return task

    def keep(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """As `spawn`, for what nobody awaits: that it raises is a defect."""
        task = self.spawn(work)
        task.add_done_callback(self._ended)
        return task

    def kill(self) -> None:
        """As kill -9: nothing of it goes on; what it held open elsewhere breaks."""
        self.is_up = False
        self.thaw()
        for task in list(self._tasks):
            task.cancel()

    def halt(self) -> None:
        """Stop for ever without running any cleanup, as after kill -9."""
        self.is_up = False
        self.is_halted = True
        self.thaw()

    def freeze(self) -> None:
        """As SIGSTOP."""
        self.is_frozen = True

    def thaw(self) -> None:
        """As SIGCONT: all that was to happen meanwhile happens now."""
        if self.is_frozen:
            self.is_frozen = False
            handles, self.frozen_handles = self.frozen_handles, []
            asyncio.get_running_loop().resume_handles(handles)  # type: ignore[attr-defined]

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_defect(f"{self.name}: {error!r}")
