"""A worker: gets dispatches from Headgate, executes them, and drains when it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import Any, Final

from application.ports.dispatch.worker_messages import Claim, WorkerMessage
from entrypoints.worker.runner.active_dispatches import ActiveDispatches, DispatchRecorder
from entrypoints.worker.runner.attempt_results import Interruption
from entrypoints.worker.runner.heartbeats import CALL_ERRORS, Heartbeats
from entrypoints.worker.runner.idle_window import IdleWindow
from entrypoints.worker.runner.leases import HeartbeatSignal, LeaseMonitor
from entrypoints.worker.runner.message_stream import MessageStream
from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext

log = logging.getLogger("headgate.worker")

_LATE_CLAIM_SECONDS: Final = 0.1
"""Time for claims that Headgate sent before it learned that this worker stops."""
_LAST_HEARTBEAT_TIMEOUT: Final = 1.0
_KILL_SECONDS: Final = 3.0
"""Time for reports and output after the last attempt was killed."""


@dataclass(frozen=True, slots=True)
class WorkerTimings:
    """In seconds. `drain` is how long a stopping worker lets attempts finish."""

    heartbeat: float = 5.0
    lease: float = 20.0
    drain: float = 20.0


class Worker:
    """Executes the dispatches that Headgate sends, as many stages at a time as it has slots."""

    def __init__(self, context: StageContext, slots: Slots, timings: WorkerTimings) -> None:
        self._context, self._api, self._slots, self._timings = context, context.api, slots, timings
        signal = HeartbeatSignal()
        self._leases = LeaseMonitor(timings.lease, signal)
        self._dispatches = ActiveDispatches(context, slots, self._leases)
        self._heartbeats = Heartbeats(self._api, slots, self._dispatches, self._leases, signal, timings.heartbeat)
        self._stream = MessageStream(self._api, slots, self._dispatches, signal)

    @property
    def connected(self) -> asyncio.Event:
        """Set while the message stream is open."""
        return self._stream.connected

    @property
    def idle_window(self) -> IdleWindow:
        return self._context.idle_window

    @property
    def executors(self) -> list[RunExecutor]:
        return self._dispatches.executors

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain: finish running attempts, hand back the rest, end what takes too long."""
        stream = asyncio.create_task(self._stream.run())
        others = [asyncio.create_task(self._heartbeats.run()), asyncio.create_task(self._leases.watch(self._dispatches.interrupt_overdue))]
        try:
            await _wait_for_first([asyncio.create_task(stop.wait()), stream, *others])
            await self._stop_accepting_work(stream)
            await self._drain()
        finally:
            for task in (stream, *others, *self._dispatches.tasks):
                await _cancel_and_wait(task)
            with contextlib.suppress(*CALL_ERRORS):
                await self._api.unregister()

    def start_dispatch(self, claim: Claim) -> tuple[RunExecutor, asyncio.Future[DispatchResult]]:
        """Execute a claimed dispatch; return its executor and its future result."""
        return self._dispatches.start(claim)

    def apply(self, message: WorkerMessage | None) -> None:
        """Act on a message as if the stream had brought it."""
        self._stream.apply(message)

    def set_recorder(self, recorder: DispatchRecorder | None) -> None:
        """Have active and later dispatches shown by this recorder; None ends that."""
        self._dispatches.set_recorder(recorder)

    async def wait_until_recorded(self, seconds: float) -> bool:
        """Wait until the recorder has shown every dispatch, at most that long. Return whether it has."""
        return await self._dispatches.wait_until_recorded(seconds)

    def interrupt_all(self) -> None:
        """End every running attempt, because the worker stops."""
        self._dispatches.interrupt_all(Interruption.WORKER_STOPPING)

    async def wait_until_idle(self) -> None:
        """Wait until every dispatch started so far is over and its output is stored."""
        await self._dispatches.wait()

    async def _stop_accepting_work(self, stream: asyncio.Task[None]) -> None:
        """Offer no slots. Claims that were sent already still arrive, by the stream or in the answer to a heartbeat."""
        self._slots.is_offering = False
        self._dispatches.drain()
        if await self._report_no_slots():
            await asyncio.sleep(_LATE_CLAIM_SECONDS)
        await _cancel_and_wait(stream)
        self._slots.received = None
        await self._report_no_slots()

    async def _report_no_slots(self) -> bool:
        """Send a heartbeat that offers no slot; return whether it was answered."""
        try:
            async with asyncio.timeout(_LAST_HEARTBEAT_TIMEOUT):
                await self._heartbeats.send()
        except (TimeoutError, *CALL_ERRORS) as error:
            log.info("Could not tell Headgate that this worker stops: %r", error)
            return False
        return True

    async def _drain(self) -> None:
        await self._dispatches.wait(self._timings.drain)
        self.interrupt_all()
        await self._dispatches.wait(self._context.grace + _KILL_SECONDS)


async def _wait_for_first(tasks: list[asyncio.Task[Any]]) -> None:
    """Wait until one of the tasks is done; raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _cancel_and_wait(task: asyncio.Task[Any]) -> None:
    """Cancel the task until it ends. An error of a connection that is closed may have replaced the first cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_KILL_SECONDS)
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not log it
