"""Executes one dispatch of a run: start what is ready, report results, ask what is next, repeat."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from application.ports.dispatch.worker_messages import AttemptStart, Claim
from entrypoints.worker.client.api_client import RequestRejected
from entrypoints.worker.runner.attempt_results import Interruption, strip_output
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageAttempt, StageContext
from entrypoints.worker.runner.tracing import DispatchTrace
from entrypoints.worker_protocol.messages import (
    BODY_LIMIT,
    AdvanceRequest,
    AdvanceResponse,
    AttemptKey,
    DispatchKey,
    StageReport,
    encode_json,
)

log = logging.getLogger("headgate.worker")

_MAX_REPORTS: Final = 100
_IDLE_PAUSE: Final = 0.2
"""Seconds before the next step of a dispatch that is not over and has nothing to run, which Headgate should not leave behind."""


@dataclass(frozen=True, slots=True)
class DispatchResult:
    """How a dispatch ended: the newest report of each stage it ran. `refused`: the dispatch was taken from this worker."""

    reports: Sequence[StageReport]
    stopped: bool
    refused: bool
    allowed_failures: frozenset[str] = frozenset()
    """Names of the stages with `allow_failure`."""


async def _return_at_once() -> None:
    return


class RunExecutor:
    """Executes one dispatch until Headgate says that it has ended, or that it belongs to another worker."""

    def __init__(self, claim: Claim, context: StageContext, slots: Slots) -> None:
        self.claim = claim
        self.key: DispatchKey = (claim.run_id, claim.epoch)
        self.trace = DispatchTrace(context.telemetry, claim)
        self._context, self._slots = context, slots
        self._running: dict[AttemptKey, StageAttempt] = {}
        self._attempts: dict[AttemptKey, StageAttempt] = {}
        self._unreported: list[StageReport] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake_up = asyncio.Event()
        self._has_more = claim.more
        self._is_woken = self._is_stopped = self._is_draining = self._is_stepping = self._is_revoked = self._is_over = False
        self._started_attempts: asyncio.Queue[StageAttempt | None] = asyncio.Queue()
        self.wait_for_lease: Callable[[], Awaitable[None]] = _return_at_once
        """Awaited before each step and each start, because attempts that start under an old lease would soon be ended."""

    @property
    def holding(self) -> list[AttemptKey]:
        """The attempts whose result Headgate has not confirmed yet."""
        return [*self._running, *((report.stage, report.attempt) for report in self._unreported)]

    async def execute(self) -> DispatchResult:
        """Execute the dispatch to its end. Its output may not be stored by then: see `wait_until_shipped`."""
        with self.trace.dispatch_span() as span:
            result = await self._run_to_end()
            span.tag(stages=len(result.reports), stopped=result.stopped or None, refused=result.refused or None)
        return result

    async def _run_to_end(self) -> DispatchResult:
        self._slots.add_waiter(self._wake_up)
        try:
            await self.wait_for_lease()
            if not self._is_over:
                self._start_attempts(self.claim.starts)
            while not self._is_over:
                await self._wait_for_work()
                await self.wait_for_lease()
                if not self._is_over:
                    await self._step()
            await self._send_late_reports()
        finally:
            self._slots.remove_waiter(self._wake_up)
            self._started_attempts.put_nowait(None)
            await self._kill_remaining()
        return self._build_result()

    async def attempts(self) -> AsyncIterator[StageAttempt]:
        """Yield each attempt as it starts, until the dispatch is over. For one reader only."""
        while (attempt := await self._started_attempts.get()) is not None:
            yield attempt

    async def wait_until_shipped(self) -> None:
        """Wait until all output is stored."""
        await asyncio.gather(*(attempt.wait_until_shipped() for attempt in self._attempts.values()), return_exceptions=True)

    def discard_output(self) -> None:
        """Drop the output that was not sent yet."""
        for attempt in self._attempts.values():
            attempt.discard_output()

    # -- what happens to the run ------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End running attempts, because the run was cancelled."""
        if not self._is_stopped:
            self._is_stopped = True
            self._interrupt_all(Interruption.RUN_STOPPED)
            self._wake_up.set()

    def wake(self) -> None:
        """Ask Headgate what can start, because something can."""
        self._is_woken = True
        self._wake_up.set()

    def revoke(self) -> None:
        """Kill running attempts, because the dispatch belongs to another worker, and report only what had ended before.

        If a step is in flight, its own response decides: that step may have ended the dispatch.
        """
        self._interrupt_all(Interruption.LEASE_LOST)
        if not self._is_stepping:
            self._is_revoked = self._is_over = True
        self._wake_up.set()

    def drain(self) -> None:
        """Start no more attempts and hand the dispatch back once the running ones are over."""
        self._is_draining = True
        self._wake_up.set()

    def interrupt(self, why: Interruption) -> None:
        """End running attempts and report them as failed for that reason."""
        self._interrupt_all(why)

    def interrupt_before_lease_ends(self, max_grace: float) -> None:
        """End the running attempts that another one may follow once the lease expires, within `max_grace` seconds."""
        for attempt in list(self._running.values()):
            if attempt.ends_with_lease:
                attempt.interrupt(Interruption.LEASE_NOT_RENEWED, max_grace)

    # -- the loop ---------------------------------------------------------------------------------------------------

    async def _wait_for_work(self) -> None:
        while not (self._is_over or self._needs_step()):
            self._wake_up.clear()
            await self._wake_up.wait()

    def _needs_step(self) -> bool:
        if self._unreported or self._is_woken:
            return True
        if self._is_draining or self._is_stopped or not self._has_more:
            return not self._running
        return self._slots.free > 0

    async def _step(self) -> None:
        reports = self._unreported[:_MAX_REPORTS]
        if sum(len(encode_json(report.to_json())) for report in reports) > BODY_LIMIT:
            reports = reports[:1]
        # The dispatch keeps the slot of an ended attempt, so that its next stage does not queue behind other runs.
        reserved = len(reports) + self._slots.take_free(0 if self._is_draining or self._is_stopped else self._startable)
        self._is_woken, self._is_stepping = False, True
        self._context.idle_window.mark_activity()
        self._slots.steps_in_flight += 1
        try:
            response = await self._advance(reports, reserved)
            if response.starts:
                self._is_stepping = False  # a refusal of the lease counts from here on
                await self.wait_for_lease()
            # Fewer starts than slots: the run's `parallelism` holds the rest back until one of its own attempts ends.
            self._has_more = response.more and len(response.starts) >= reserved
            self._apply_response(response, reports)
        finally:
            self._is_stepping = False
            self._slots.steps_in_flight -= 1
            self._slots.release(reserved)
        if not (self._is_over or self._running or self._unreported or self._has_more):
            await asyncio.sleep(_IDLE_PAUSE)

    @property
    def _startable(self) -> int:
        """The number of stages that may be able to start now, as far as this worker knows."""
        known = {stage for stage, _ in self._attempts}
        return len([stage for stage in self.claim.stages if stage not in known]) or int(self._has_more or self._is_woken)

    async def _advance(self, reports: Sequence[StageReport], reserved: int) -> AdvanceResponse:
        capacity = 0 if self._is_draining else reserved
        free = self._slots.count_offered(reserved)
        request = AdvanceRequest(capacity, free, self._slots.received, self.holding, reports, self._is_draining)
        try:
            response = await self._send(request)
        except RequestRejected as rejection:
            # An output that Headgate does not accept must not block the run forever.
            log.warning("Run %s: Headgate rejected a report: %s", self.key[0], rejection)
            stripped = [strip_output(report, f"The output was rejected: {rejection}") for report in reports]
            response = await self._send_or_give_up(
                AdvanceRequest(capacity, free, request.received, request.holding, stripped, self._is_draining)
            )
        self._slots.reported_free = free - len(response.starts)
        return response

    async def _send(self, request: AdvanceRequest) -> AdvanceResponse:
        return await self._context.api.advance(self.key, request.encode(self._context.api.identity.id), self.trace.context)

    async def _send_or_give_up(self, request: AdvanceRequest) -> AdvanceResponse:
        try:
            return await self._send(request)
        except RequestRejected as rejection:
            log.error("Run %s: stopped reporting; its lease will expire: %s", self.key[0], rejection)
            return AdvanceResponse(refused=True)

    async def _send_late_reports(self) -> None:
        """Report what ended before the dispatch was revoked: it changes no status, but the history shows it."""
        if self._is_revoked and self._unreported:
            reports = self._unreported[:_MAX_REPORTS]
            await self._send_or_give_up(AdvanceRequest(0, self._slots.count_offered(), self._slots.received, self.holding, reports, True))

    def _apply_response(self, response: AdvanceResponse, reports: Sequence[StageReport]) -> None:
        del self._unreported[: len(reports)]
        self._is_revoked = self._is_revoked or response.refused
        if self._is_revoked:
            self._is_over = True
            return
        for attempt_key in response.kill:
            if attempt_key in self._running:
                self._running[attempt_key].interrupt(Interruption.LEASE_LOST)
        for attempt_key in response.cancel:
            if attempt_key in self._running:
                self._running[attempt_key].interrupt(Interruption.RUN_STOPPED)
        self._start_attempts(response.starts)
        if response.stop:
            self.stop()
        self._is_over = self._is_over or response.ended

    def _start_attempts(self, starts: Sequence[AttemptStart]) -> None:
        """Start each attempt once. All of them are `running` in the database already."""
        for start in starts:
            if not self._is_started((start.stage, start.attempt)):
                self._context.idle_window.mark_activity()
                attempt = StageAttempt(self.claim, start, self._context, self.trace)
                self._attempts[attempt.attempt_key] = self._running[attempt.attempt_key] = attempt
                self._slots.take(1)
                task = asyncio.create_task(self._run_attempt(attempt))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                self._started_attempts.put_nowait(attempt)
                if self._is_stopped:
                    attempt.interrupt(Interruption.RUN_STOPPED)

    def _is_started(self, attempt_key: AttemptKey) -> bool:
        return attempt_key in self._attempts

    async def _run_attempt(self, attempt: StageAttempt) -> None:
        report = await attempt.run()
        del self._running[attempt.attempt_key]
        if report is None:
            self._slots.release(1)
        else:
            self._unreported.append(report)
        self._wake_up.set()

    def _interrupt_all(self, why: Interruption) -> None:
        for attempt in list(self._running.values()):
            attempt.interrupt(why)

    async def _kill_remaining(self) -> None:
        """Kill every attempt that still runs, and release its slot."""
        self._interrupt_all(Interruption.LEASE_LOST)
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._slots.release(len(self._unreported))
        self._unreported.clear()

    def _build_result(self) -> DispatchResult:
        newest = {stage: attempt for (stage, _), attempt in self._attempts.items()}
        reports = [report for attempt in newest.values() if (report := attempt.ended.result()) is not None]
        allowed_failures = frozenset(stage for stage, attempt in newest.items() if attempt.allow_failure)
        return DispatchResult(reports, self._is_stopped, self._is_revoked, allowed_failures)
