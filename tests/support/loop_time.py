"""Processor time that each step of a task takes from the event loop.

A step runs from one suspension of a task to the next; other callbacks wait for it. Processor time, not wall time, so that a busy machine
changes nothing. The time that fakes of stores take does not count: a real store answers from another process.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Coroutine, Generator
from contextlib import asynccontextmanager
from time import thread_time
from typing import Any

REFERENCE_SECONDS = 0.012
"""Processor time of `_work` on a machine of ordinary speed."""


class LoopTime:
    """Measure all tasks that start within `measuring`. `longest` is the longest step, in seconds on a machine of ordinary speed."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._uncounted = 0.0

    @asynccontextmanager
    async def measuring(self) -> AsyncIterator["LoopTime"]:
        """Measure the tasks that start within the block."""
        loop = asyncio.get_running_loop()
        before = loop.get_task_factory()
        loop.set_task_factory(lambda loop, coro, **options: asyncio.Task(self._measure(coro), loop=loop, **options))  # type: ignore[arg-type]
        self.longest = 0.0
        try:
            yield self
        finally:
            loop.set_task_factory(before)

    async def _measure(self, work: Any) -> Any:
        return await _Steps(work, self._count_step)

    def _count_step(self, seconds: float) -> None:
        self.longest = max(self.longest, seconds - self._uncounted)
        self._uncounted = 0.0

    def leave_out(self, port: Any) -> Any:
        """Return a port whose calls are not counted, and yield to the loop as those of a real adapter do."""
        return _UncountedPort(port, self._add_uncounted)

    def _add_uncounted(self, seconds: float) -> None:
        self._uncounted += seconds


class _Steps:
    """Awaits a coroutine and reports the processor time of each step."""

    def __init__(self, work: Any, report: Any) -> None:
        self._work, self._report = work, report

    def __await__(self) -> Generator[Any, Any, Any]:
        iterator = self._work if inspect.isgenerator(self._work) else self._work.__await__()
        send, value = iterator.send, None
        while True:
            begin = thread_time()
            try:
                yielded = send(value)
            except StopIteration as end:
                return end.value
            finally:
                self._report(thread_time() - begin)
            try:
                value, send = (yield yielded), iterator.send
            except BaseException as error:
                value, send = error, iterator.throw


class _UncountedPort:
    """Passes everything on to a port. Calls are not counted."""

    def __init__(self, port: Any, report: Any) -> None:
        self._port, self._report = port, report

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if inspect.iscoroutinefunction(value):
            return lambda *args, **keywords: self._call(value(*args, **keywords))
        is_port = not callable(value) and type(value).__module__.startswith("tests.fakes")
        return _UncountedPort(value, self._report) if is_port else value

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return _UncountedPort(self._port(*args, **keywords), self._report)

    async def __aenter__(self) -> Any:
        await self._call(self._port.__aenter__())
        return self

    async def __aexit__(self, *details: Any) -> Any:
        return await self._call(self._port.__aexit__(*details))

    async def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        result = await _Steps(work, self._report)
        await asyncio.sleep(0)
        return result


def measure_slowness() -> float:
    """Return how many times slower than an ordinary machine this one is now; 1 if it is faster."""
    best = min(_time_work() for _ in range(3))
    return max(1.0, best / REFERENCE_SECONDS)


def _time_work() -> float:
    begin = thread_time()
    _work()
    return thread_time() - begin


def _work() -> int:
    return sum(len(str(number)) for number in range(100_000))
