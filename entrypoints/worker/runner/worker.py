"""A worker process's life: hear what it is given, carry it, say that it lives, leave in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import httpx

from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun, WorkerMessage
from entrypoints.worker.client.api_client import RequestRejected
from entrypoints.worker.runner.attempt_results import Interruption
from entrypoints.worker.runner.idle_window import IdleWindow
from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker_protocol.messages import DispatchKey, HeartbeatResponse

log = logging.getLogger("headgate.worker")

_SEEN_LIMIT: Final = 10_000
_POLL_INTERVAL: Final = 1.0
_SLOT_REPORT_DELAY: Final = 0.02
_LATE_CLAIM_WAIT: Final = 0.1
"""Seconds after the word that we leave in which a claim that was on its way arrives."""
_GOODBYE_TIMEOUT: Final = 1.0
_LEASE_CHECK_INTERVAL: Final = 0.2
"""Seconds between looks whether a lease that is overdue was renewed."""
_LEASE_SAFETY_RATIO: Final = 0.75
"""Of the lease: when it was not renewed for that long, what may be tried again is ended before another worker tries it."""


@dataclass(frozen=True, slots=True)
class WorkerTimings:
    """In seconds. `drain` is how long a leaving worker lets stages finish."""

    heartbeat: float = 5.0
    lease: float = 20.0
    drain: float = 20.0


class DispatchRecorder(Protocol):
    """Shows dispatches elsewhere, beside: it may be slow or absent, and never holds one up."""

    def record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        """Show this dispatch; returns at once, never raises."""
        ...


class Worker:
    """Carries whatever dispatches the web gives it, as many stages at a time as it has slots."""

    def __init__(self, context: StageContext, slots: Slots, timings: WorkerTimings) -> None:
        self._recorder: DispatchRecorder | None = None
        self._context, self._api, self._slots, self._timings = context, context.api, slots, timings
        self._executors: dict[DispatchKey, RunExecutor] = {}
        self._results: dict[DispatchKey, asyncio.Future[DispatchResult]] = {}
        self._renewed: dict[DispatchKey, float] = {}
        self._seen: OrderedDict[DispatchKey, None] = OrderedDict()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_stopping = False
        self._heartbeat_due, self._heartbeat_answered = asyncio.Event(), asyncio.Event()
        self.connected = asyncio.Event()
        slots.on_change = self._on_slots_changed
        self._slots_timer: asyncio.TimerHandle | None = None

    @property
    def idle_window(self) -> IdleWindow:
        return self._context.idle_window

    @property
    def executors(self) -> list[RunExecutor]:
        return list(self._executors.values())

    async def run(self, leave: asyncio.Event) -> None:
        """Work until told to leave, then drain: finish what runs, hand back the rest, end what takes too long."""
        stream = asyncio.create_task(self._follow_stream())
        others = [asyncio.create_task(self._send_heartbeats()), asyncio.create_task(self._watch_leases())]
        try:
            await _wait_for_first({asyncio.create_task(leave.wait()), stream, *others})
            await self._stop_accepting_work(stream)
            await self._drain()
        finally:
            for task in (stream, *others, *self._tasks):
                await _cancel_and_wait(task)
            with contextlib.suppress(httpx.HTTPError, RequestRejected):
                await self._api.leave()

    def interrupt_all(self, why: Interruption = Interruption.WORKER_STOPPING) -> None:
        """End everything that runs now."""
        for executor in self.executors:
            executor.interrupt(why)

    def start_dispatch(self, claim: Claim) -> tuple[RunExecutor, asyncio.Future[DispatchResult]]:
        """Carry a dispatch that is new here, and say what carries it and how that ends."""
        key = (claim.run_id, claim.epoch)
        self._mark_seen(key)
        result: asyncio.Future[DispatchResult] = asyncio.get_running_loop().create_future()
        executor = self._executors[key] = RunExecutor(claim, self._context, self._slots)
        self._renewed[key] = time.monotonic()
        executor.wait_for_lease = partial(self._wait_for_lease, key)
        if self._is_stopping:
            executor.leave()
        self._spawn(self._execute(executor, result))
        return executor, result

    def set_recorder(self, recorder: DispatchRecorder | None) -> None:
        """Have every dispatch shown from now on, those under way too; or none any more."""
        self._recorder = recorder
        if recorder is not None:
            for key, result in self._results.items():
                recorder.record(self._executors[key], result)

    async def wait_until_idle(self) -> None:
        """Wait until every dispatch taken so far is over and its output with Headgate."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _start_if_new(self, claim: Claim) -> None:
        if (claim.run_id, claim.epoch) not in self._seen:
            self.start_dispatch(claim)

    async def _execute(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        execution = asyncio.create_task(executor.execute())
        self._results[executor.key] = result
        if self._recorder is not None:
            asyncio.get_running_loop().call_soon(self._recorder.record, executor, result)
        try:
            result.set_result(await execution)
            self._discard(executor)
            await executor.wait_until_shipped()
        except Exception:
            log.exception("Run %s: its dispatch could not be carried on", executor.key[0])
        finally:
            result.cancel()
            self._discard(executor)
            executor.discard_output()

    def _discard(self, executor: RunExecutor) -> None:
        self._executors.pop(executor.key, None)
        self._renewed.pop(executor.key, None)
        self._results.pop(executor.key, None)

    def _mark_seen(self, key: DispatchKey) -> None:
        self._seen[key] = None
        if len(self._seen) > _SEEN_LIMIT:
            self._seen.popitem(last=False)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- the stream -------------------------------------------------------------------------------------------------

    async def _follow_stream(self) -> None:
        pause = 0.1
        while True:
            try:
                async for message in self._api.stream_messages(self._slots.count_offered()):
                    pause = 0.1
                    self._handle_message(message)
            except (httpx.HTTPError, RequestRejected, ValueError) as error:
                self._api.connectivity.record_failure(error)
            self._slots.received = None
            self.connected.clear()
            self._heartbeat_due.set()
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _handle_message(self, message: WorkerMessage | None) -> None:
        match message:
            case Claim():
                self._slots.received = (self._slots.received or 0) + 1
                self._slots.reported_free -= len(message.starts)
                self._start_if_new(message)
            case StopRun(run_id):
                self._for_each_executor(run_id, RunExecutor.stop)
            case WakeRun(run_id):
                self._for_each_executor(run_id, RunExecutor.wake)
            case None:
                self._slots.received = 0
                self.connected.set()
                self._heartbeat_due.set()

    def _for_each_executor(self, run_id: int, act: Callable[[RunExecutor], None]) -> None:
        for executor in self.executors:
            if executor.key[0] == run_id:
                act(executor)

    # -- heartbeats -------------------------------------------------------------------------------------------------

    async def _send_heartbeats(self) -> None:
        while True:
            self._heartbeat_due.clear()
            try:
                await self._send_heartbeat()
            except (httpx.HTTPError, RequestRejected, ValueError) as error:
                self._api.connectivity.record_failure(error)
                await asyncio.sleep(min(_POLL_INTERVAL, self._timings.heartbeat))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._get_heartbeat_interval()):
                    await self._heartbeat_due.wait()

    async def _send_heartbeat(self) -> None:
        began = time.monotonic()
        free = self._slots.count_offered()
        dispatches = [(executor.key, executor.holding) for executor in self.executors]
        answer = await self._api.heartbeat(free, self._slots.received, self._slots.is_offering, dispatches)
        self._slots.reported_free = free
        self._apply_heartbeat(answer, began)

    def _get_heartbeat_interval(self) -> float:
        asks = self._slots.received is None and self._slots.is_offering
        return min(_POLL_INTERVAL, self._timings.heartbeat) if asks else self._timings.heartbeat

    def _apply_heartbeat(self, answer: HeartbeatResponse, began: float) -> None:
        for key in answer.renewed:
            if key in self._renewed:
                self._renewed[key] = began
        for key in answer.refused:
            if (executor := self._executors.get(key)) is not None:
                executor.revoke()
                self._renewed.pop(key, None)
        for run_id in answer.stop:
            self._for_each_executor(run_id, RunExecutor.stop)
        for run_id in answer.wake:
            self._for_each_executor(run_id, RunExecutor.wake)
        for claim in answer.claims:
            self._start_if_new(claim)
        self._heartbeat_answered.set()

    async def _wait_for_lease(self, key: DispatchKey) -> None:
        """Return once the dispatch's lease was renewed in time, or the dispatch is not ours any more."""
        while key in self._renewed and self._is_overdue(key):
            self._heartbeat_answered.clear()
            self._heartbeat_due.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LEASE_CHECK_INTERVAL):
                    await self._heartbeat_answered.wait()
            if self._is_overdue(key):
                await asyncio.sleep(_LEASE_CHECK_INTERVAL)

    def _is_overdue(self, key: DispatchKey) -> bool:
        return self._renewed.get(key, math.inf) < time.monotonic() - self._timings.lease * _LEASE_SAFETY_RATIO

    async def _watch_leases(self) -> None:
        """End in time what another worker may try again; the rest runs on until it is refused."""
        while True:
            await asyncio.sleep(self._timings.lease * _LEASE_SAFETY_RATIO / 30)
            for key in self._renewed:
                if self._is_overdue(key):
                    self._executors[key].interrupt(Interruption.LEASE_NOT_RENEWED, only_retryable=True)

    def _on_slots_changed(self) -> None:
        """The web counts our slots between our words; tell it when it would go wrong, but not for every move."""
        if self._slots_timer is None:
            self._slots_timer = asyncio.get_running_loop().call_later(_SLOT_REPORT_DELAY, self._report_free_slots)

    def _report_free_slots(self) -> None:
        self._slots_timer = None
        if (
            self._slots.received is not None
            and not self._slots.steps_in_flight
            and self._slots.count_offered() != self._slots.reported_free
        ):
            self._heartbeat_due.set()

    # -- leaving ----------------------------------------------------------------------------------------------------

    async def _stop_accepting_work(self, stream: asyncio.Task[None]) -> None:
        """Take nothing new. What the web was giving us at that moment still comes, by the stream or as the answer to a heartbeat."""
        self._is_stopping, self._slots.is_offering = True, False
        for executor in self.executors:
            executor.leave()
        if await self._announce_leaving():
            await asyncio.sleep(_LATE_CLAIM_WAIT)
        await _cancel_and_wait(stream)
        self._slots.received = None
        await self._announce_leaving()

    async def _announce_leaving(self) -> bool:
        """Say that no slot is free, and take what we were given without knowing; False when nobody answered."""
        try:
            async with asyncio.timeout(_GOODBYE_TIMEOUT):
                await self._send_heartbeat()
        except (TimeoutError, httpx.HTTPError, RequestRejected, ValueError) as error:
            log.info("Nobody heard that this worker leaves: %r", error)
            return False
        return True

    async def _drain(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._timings.drain)
        self.interrupt_all()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._context.grace + 3)


async def _wait_for_first(tasks: set[asyncio.Task[Any]]) -> None:
    """Wait for the first of them; what it raised is raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def _cancel_and_wait(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
