"""A simulated process, which can be killed, frozen and thawed together with its tasks."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar, copy_context
from typing import Any

CURRENT: ContextVar["Process | None"] = ContextVar("process", default=None)
"""The process to which the current callback belongs."""


class Process:
    """`on_defect` is called for every exception that ends a background task."""

    def __init__(self, name: str, on_defect: Callable[[str], None]) -> None:
        self.name = name
        self.is_up = False
        self.is_frozen = self.is_halted = False
        self.frozen_handles: list[Any] = []
        self._on_defect = on_defect
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a task in this process, even if another process calls."""
        context = copy_context()
        context.run(CURRENT.set, self)
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop, context=context)
        return task

    def run_in_background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Like `spawn`, for a task that is not awaited: an exception is a defect."""
        task = self.spawn(work)
        task.add_done_callback(self._ended)
        return task

    def kill(self) -> None:
        """Cancel all tasks at once."""
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
        """Stop as after SIGSTOP."""
        self.is_frozen = True

    def thaw(self) -> None:
        """Continue as after SIGCONT: delayed callbacks run now."""
        if self.is_frozen:
            self.is_frozen = False
            handles, self.frozen_handles = self.frozen_handles, []
            asyncio.get_running_loop().resume_handles(handles)  # type: ignore[attr-defined]

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_defect(f"{self.name}: {error!r}")
