"""Sends alert messages to their channels, in every web process."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

from application.observability.delivery_tracer import DeliveryTracer
from application.ports.persistence.deliveries import MAX_IN_FLIGHT
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Span
from application.services.deliveries.delivery_recorder import DeliveryRecorder
from application.services.deliveries.due_deliveries import DueDeliveries, DueDelivery
from application.services.deliveries.message_sender import Failure, MessageSender
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.alerts.delivery import DeliveryState
from domain.errors import Unavailable

MAX_SENDING: Final = 32
"""Messages that a process sends at a time."""
MAX_SLEEP_SECONDS: Final = 30.0
MIN_SLEEP_SECONDS: Final = 0.05
"""The shortest sleep, while another process takes the deliveries of a channel."""
RECORD_RETRY_SECONDS: Final = 0.5
MAX_RECORD_ERRORS: Final = 3
CANCEL_SECONDS: Final = 0.5
"""Time for what was given up to close its connections."""
STOP_SECONDS: Final = 2.0
"""Time for the messages that are being sent when the process stops. What is not recorded then is sent again by another process."""


class DeliveryService:
    """Each delivery is leased to one process. It is sent outside of any transaction, so no channel delays another.

    A process that ends between sending and recording causes a repetition with the same id; nothing else does.
    """

    def __init__(
        self,
        due_deliveries: DueDeliveries,
        sender: MessageSender,
        recorder: DeliveryRecorder,
        clock: Clock,
        wakeups: LocalWakeups,
        tracer: DeliveryTracer,
    ) -> None:
        self._due_deliveries = due_deliveries
        self._sender = sender
        self._recorder = recorder
        self._clock = clock
        self._wakeups = wakeups
        self._tracer = tracer
        self._next_due: datetime | None = None
        self._is_first = True
        self._sending: dict[asyncio.Task[None], int] = {}
        self._failure: Exception | None = None

    async def wait(self) -> None:
        """Return when a delivery is due or was added, after MAX_SLEEP_SECONDS at most."""
        if self._is_first:
            self._is_first = False
            return
        async with self._finishing():
            await self._wait_for_change()

    async def run_once(self) -> None:
        """Send what is due, and what becomes due meanwhile. Raise the last error of a delivery that could not be processed.

        If the store fails, messages that are being sent go on, and the next pass waits for them.
        """
        async with self._finishing():
            while True:
                await self._start_due()
                if not self._sending:
                    break
                await self._wait_for_change()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    async def _start_due(self) -> None:
        """Start to send due deliveries, until none is due or MAX_SENDING are being sent."""
        self._wakeups.deliveries.clear()
        while len(self._sending) < MAX_SENDING:
            busy = [channel for channel, count in Counter(self._sending.values()).items() if count >= MAX_IN_FLIGHT]
            taken = await self._due_deliveries.take(MAX_SENDING - len(self._sending), busy)
            self._next_due = taken.next_due
            for due in taken.due:
                task = asyncio.create_task(self._deliver(due), name=f"delivery {due.delivery.id}")
                self._sending[task] = due.channel.id
                task.add_done_callback(self._forget)
            if not taken.has_more:
                return

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._wakeups.deliveries.set()

    async def _wait_for_change(self) -> None:
        """Wait until a message was sent or added, or the next delivery is due."""
        try:
            async with asyncio.timeout(self._get_sleep_seconds()):
                await self._wakeups.deliveries.wait()
        except TimeoutError:
            return

    def _get_sleep_seconds(self) -> float:
        if self._next_due is None:
            return MAX_SLEEP_SECONDS
        return min(MAX_SLEEP_SECONDS, max(MIN_SLEEP_SECONDS, (self._next_due - self._clock.now()).total_seconds()))

    @contextlib.asynccontextmanager
    async def _finishing(self) -> AsyncIterator[None]:
        """Finish what is being sent if the block is cancelled."""
        try:
            yield
        except asyncio.CancelledError:
            await self._finish_sending()
            raise

    async def _finish_sending(self) -> None:
        """Wait a moment for the messages that are being sent, then give them up. The process may cancel this service again meanwhile."""
        loop = asyncio.get_running_loop()
        for deadline in (loop.time() + STOP_SECONDS, loop.time() + STOP_SECONDS + CANCEL_SECONDS):
            while self._sending and (remaining := deadline - loop.time()) > 0:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait(set(self._sending), timeout=remaining)
            for task in self._sending:
                task.cancel()

    async def _deliver(self, due: DueDelivery) -> None:
        kind = due.channel.kind.value
        try:
            with self._tracer.trace(kind, due.channel.name, due.message.kind.value, due.delivery.tries + 1) as span:
                failure = await self._sender.send(due)
                state = await self._record(due, failure)
                _describe(span, failure, state)
        except Exception as error:  # one delivery must not end the others; its lease ends by itself
            self._failure = error
            return
        if state is not None:
            self._tracer.count(kind, state.value)
        if state is DeliveryState.SENT:
            self._tracer.measure(kind, max(0.0, (self._clock.now() - due.message.at).total_seconds()))

    async def _record(self, due: DueDelivery, failure: Failure | None) -> DeliveryState | None:
        """Store the result. Return None if another process recorded one.

        Try again while the store is down, since a message whose end is not recorded is sent again.
        """
        errors = 0
        while True:
            try:
                if failure is not None:
                    return await self._recorder.record_failure(due, failure)
                return DeliveryState.SENT if await self._recorder.record_success(due) else None
            except Unavailable:
                pass
            except Exception:
                errors += 1
                if errors >= MAX_RECORD_ERRORS:
                    raise
            await asyncio.sleep(RECORD_RETRY_SECONDS)


def _describe(span: Span, failure: Failure | None, state: DeliveryState | None) -> None:
    span.tag(outcome=state.value if state else "superseded")
    if failure is not None:
        span.fail("delivery_failed", failure.reason)
