"""The network between the machines. It delays, drops, repeats and reorders requests and answers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from random import Random
from typing import Any, Protocol, TypeVar

from domain.errors import HeadgateError, Unavailable

T = TypeVar("T")

ANSWER_TIMEOUT = 10.0
"""Seconds that a caller waits for an answer."""


class NoAnswer(Exception):
    """The request, the answer or the server was lost. The request may have been executed."""


class Server(Protocol):
    """A process that answers requests while it is up."""

    is_up: bool

    def spawn(self, work: Any) -> asyncio.Task[Any]: ...


class Network:
    """`message_faults` is the chance per message of a drop, of a repetition and of a long delay. `on_fault` is called for each."""

    def __init__(self, random: Random, on_fault: Callable[[str], None], on_defect: Callable[[str], None]) -> None:
        self._random = random
        self._on_fault = on_fault
        self._on_defect = on_defect
        self.message_faults = 0.0

    async def call(self, server: Server, what: str, work: Callable[[], Awaitable[T]], timeout: float = ANSWER_TIMEOUT) -> T:
        """Return the answer of that process. Raises NoAnswer, Unavailable, or another error of the use case."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        for _ in range(1 + self._draw_fault("request repeated")):
            if not self._draw_fault("request dropped"):
                # A message in transit belongs to no process: it arrives even if its sender freezes or dies.
                loop.call_later(self.delay(), self._deliver, server, what, work, answer, context=Context())
        try:
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            raise NoAnswer(what) from None

    def delay(self) -> float:
        if self._draw_fault("message delayed"):
            return 0.2 + 12 * self._random.random() ** 3
        return 0.001 + 0.01 * self._random.random()

    def breaks(self) -> bool:
        return self._draw_fault("stream broken")

    def _deliver(self, server: Server, what: str, work: Callable[[], Awaitable[T]], answer: "asyncio.Future[T]") -> None:
        if server.is_up:
            server.spawn(work()).add_done_callback(lambda done: self._send_back(what, done, answer))
        else:
            self._settle_answer(answer, NoAnswer(what), None)

    def _send_back(self, what: str, done: "asyncio.Task[T]", answer: "asyncio.Future[T]") -> None:
        if done.cancelled():  # the process was killed: its connections break
            self._settle_answer(answer, NoAnswer(what), None)
            return
        error = done.exception()
        if error is not None and not isinstance(error, HeadgateError):
            self._on_defect(f"{what} answered 500: {error!r}")
            error = Unavailable(repr(error))
        if not self._draw_fault("answer dropped"):
            value = None if error else done.result()
            asyncio.get_running_loop().call_later(self.delay(), self._settle_answer, answer, error, value)

    @staticmethod
    def _settle_answer(answer: "asyncio.Future[T]", error: BaseException | None, value: Any) -> None:
        if answer.done():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(value)

    def _draw_fault(self, kind: str) -> bool:
        if self.message_faults and self._random.random() < self.message_faults:
            self._on_fault(kind)
            return True
        return False
