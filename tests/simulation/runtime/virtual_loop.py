"""An event loop with virtual time, whose order is drawn from a seed: the same seed gives the same steps."""

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from random import Random
from typing import Any, TypeVar

from tests.simulation.runtime.process import CURRENT

T = TypeVar("T")

MAX_STEPS = 400_000
"""The most steps of one simulation. More mean an endless loop."""


class Livelock(Exception):
    """The simulation makes no progress."""


class Handle:
    """A scheduled callback, like asyncio.Handle."""

    __slots__ = ("_args", "_callback", "context", "is_cancelled", "when")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None, when: float = 0.0) -> None:
        self._callback, self._args, self.when = callback, args, when
        self.context = context if context is not None else copy_context()
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def run(self) -> None:
        self.context.run(self._callback, *self._args)


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs ready callbacks in random order. If none is ready, time jumps to the next timer.

    It supports coroutines only: no files, sockets or signals, and no threads that run at the same time.
    """

    def __init__(self, random: Random) -> None:
        self._random = random.random
        self._now = 0.0
        self._ready: list[Handle] = []
        self._timers: list[tuple[float, int, Handle]] = []
        self._count = 0
        self.steps = 0
        self._is_ending, self._steps_at_end = False, 0
        self._halted: list[Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Return the result of `main`; then cancel all other tasks. An error of `main`, or Livelock, is raised even if these do not end."""
        events._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                self._step()
            result = task.result()
        except BaseException:
            with suppress(Livelock):
                self._end_all()
            raise
        else:
            self._end_all()
            return result
        finally:
            events._set_running_loop(None)

    def _end_all(self) -> None:
        self._is_ending = True
        self._ready += self._halted
        while pending := [task for task in self._tasks if not task.done()]:
            self._steps_at_end = self.steps
            for task in pending:
                task.cancel()
            while self._ready:
                self._step()
            if any(not task.done() for task in pending):
                self._advance_time()
        for task in self._tasks:
            if not task.cancelled():
                task.exception()

    def _step(self) -> None:
        ready = self._ready
        if not ready:
            self._advance_time()
        index = int(self._random() * len(ready))
        handle = ready[index]
        ready[index] = ready[-1]
        ready.pop()
        self.steps += 1
        if self.steps - self._steps_at_end > MAX_STEPS:
            raise Livelock(f"{self.steps} steps by {self._now:.1f} s")
        if handle.is_cancelled:
            return
        process = handle.context.get(CURRENT)
        if self._is_ending or process is None:
            handle.run()
        elif process.is_halted:
            self._halted.append(handle)
        elif process.is_frozen:
            process.frozen_handles.append(handle)
        else:
            handle.run()

    def resume_handles(self, handles: list[Handle]) -> None:
        """Make delayed callbacks ready again."""
        self._ready += handles

    def _advance_time(self) -> None:
        timers = self._timers
        if not timers:
            raise Livelock("all tasks wait, and no timer is left")
        while not self._ready and timers:
            self._now = max(self._now, timers[0][0])
            while timers and timers[0][0] <= self._now:
                handle = heapq.heappop(timers)[2]
                if not handle.is_cancelled:
                    self._ready.append(handle)

    # -- the interface of an event loop ----------------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        handle = Handle(callback, args, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        handle = Handle(callback, args, context, when)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Call the function at once. Its result arrives in a later step."""
        future: asyncio.Future[T] = self.create_future()
        result = func(*args)
        self.call_soon(lambda: future.cancelled() or future.set_result(result))
        return future

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Ignore exceptions that are not awaited: processes report those of their own tasks."""
