"""One attempt of a stage, from its start to its report."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from adapters.system.clock import SystemClock
from adapters.telemetry.null import NullTelemetry
from application.ports.dispatch.worker_messages import AttemptStart, Claim
from application.ports.system.clock import Clock
from application.ports.telemetry.telemetry import Span, Telemetry
from domain.runs.deadlines import TIMEOUT_GRACE
from entrypoints.worker.client.api_client import ApiClient
from entrypoints.worker.runner.attempt_results import Interruption, ReportBuilder
from entrypoints.worker.runner.idle_window import IdleWindow
from entrypoints.worker.runner.log_shipper import LogShipper
from entrypoints.worker.runner.ports import JobBuilder, JobRunner, StageEnvironmentError, StageStart
from entrypoints.worker.runner.tracing import DispatchTrace, record_result
from entrypoints.worker.stage_host.client import HostDied
from entrypoints.worker.stage_host.job import Job, JobResult
from entrypoints.worker_protocol.messages import AttemptKey, StageReport

log = logging.getLogger("headgate.worker")

MAX_TIMEOUT_GRACE: Final = TIMEOUT_GRACE / 2
"""The longest time between TERM and KILL for an attempt that holds a slot and has reached its timeout, in seconds."""
_MAX_COMMAND: Final = 2_000
"""Characters of the command that the log shows."""
_OUTPUT_WAIT: Final = 2.0
"""Seconds that a failure waits for its output to be stored, so that its reason can be read once the failure is shown."""
_READ_WAIT: Final = 10.0
"""Seconds that a failure waits at most until its output is read, because the reason is often in the last line."""


@dataclass(frozen=True, slots=True)
class StageContext:
    """The worker's side of its attempts. `grace` is the time between TERM and KILL, in seconds; `forward_logs` copies output to the log."""

    job_runner: JobRunner
    job_builder: JobBuilder
    api: ApiClient
    grace: float
    clock: Clock = field(default_factory=SystemClock)
    telemetry: Telemetry = field(default_factory=NullTelemetry)
    forward_logs: bool = False
    idle_window: IdleWindow = field(default_factory=IdleWindow)


class StageAttempt:
    """Runs once. `ended` is its report, or None if the dispatch was revoked."""

    def __init__(self, claim: Claim, start: AttemptStart, context: StageContext, trace: DispatchTrace | None = None) -> None:
        self.attempt_key: AttemptKey = (start.stage, start.attempt)
        self.ends_with_lease = start.holds_slot or bool(start.spec.get("retry_on_loss", False))
        """True if another attempt may start once the lease expires, so that this one must have ended by then."""
        self.allow_failure = bool(start.spec.get("allow_failure", False))
        self.ended: asyncio.Future[StageReport | None] = asyncio.get_running_loop().create_future()
        self._claim, self._start, self._context = claim, start, context
        self._trace = trace or DispatchTrace(context.telemetry, claim)
        self._reports = ReportBuilder((claim.run_id, claim.epoch), self.attempt_key, start.timeout)
        self._shipper = LogShipper(context.api, claim.run_id, *self.attempt_key, context.clock, forward_logs=context.forward_logs)
        self._shipping: asyncio.Task[None] | None = None
        self._interruption: Interruption | None = None
        self._interrupted = asyncio.Event()
        self._max_grace: float | None = None
        self._grace_cut = asyncio.Event()

    async def run(self) -> StageReport | None:
        """Start the stage's process, wait for its end and return the report. Raises nothing but CancelledError."""
        with self._trace.attempt_span(self._start) as span:
            report = await self._run_to_report(span)
            record_result(span, report, self._shipper.last_lines)
        return report

    async def _run_to_report(self, span: Span) -> StageReport | None:
        report: StageReport | None = None
        try:
            report = await self._run(span)
        except (StageEnvironmentError, HostDied, OSError) as error:
            report = self._report_start_failure(str(error))
        except Exception as error:
            log.exception("Stage %s of run %s", self._start.stage, self._claim.run_id)
            report = self._report_start_failure(f"The worker failed: {error!r}")
        finally:
            self.ended.set_result(None if self._interruption is Interruption.LEASE_LOST else report)
        return self.ended.result()

    def interrupt(self, why: Interruption, max_grace: float | None = None) -> None:
        """End it early: TERM, the grace, KILL; for a lost lease KILL at once. The first reason stands, unless the lease is lost.

        `max_grace` are the seconds until KILL at most, even if the attempt was interrupted before.
        """
        if max_grace is not None and self._max_grace is None:
            self._max_grace = max_grace
            self._grace_cut.set()
        if self._interruption is None or why is Interruption.LEASE_LOST:
            self._interruption = why
            self._interrupted.set()

    async def wait_until_shipped(self) -> None:
        """Wait until all its output is stored."""
        if self._shipping is not None:
            await self._shipping

    def discard_output(self) -> None:
        """Drop the output that was not sent yet."""
        if self._shipping is not None:
            self._shipping.cancel()

    async def _run(self, span: Span) -> StageReport | None:
        claim, start = self._claim, self._start
        start_request = StageStart(
            run_id=claim.run_id,
            stage=start.stage,
            attempt=start.attempt,
            kind=start.kind,
            spec=start.spec,
            parameters={**claim.parameters, **start.given},
            token=start.token,
            url=self._context.api.url,
            trace=self._trace.get_process_context(span),
            scheduled_for=claim.scheduled_for,
        )
        if headline := _format_command(start):
            self._shipper.add_note(headline)
        job = await self._context.job_runner.run(self._context.job_builder.build(start_request))
        self._shipping = asyncio.create_task(self._shipper.ship_output(job))
        end = await self._wait_for_end(job)
        if not end.succeeded and self._interruption is not Interruption.LEASE_LOST:
            await asyncio.wait({self._shipping}, timeout=_OUTPUT_WAIT)
            await self._shipper.wait_until_read(_READ_WAIT - _OUTPUT_WAIT)
        return self._reports.build(end, self._interruption, self._shipper.last_error)

    async def _wait_for_end(self, job: Job) -> JobResult:
        waiting = asyncio.create_task(job.wait())
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            await asyncio.wait({waiting, interrupted}, timeout=self._start.timeout, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                self._interruption = self._interruption if self._interruption is Interruption.LEASE_LOST else None
                return waiting.result()
            self.interrupt(Interruption.TIMEOUT)
            if self._interruption is Interruption.LEASE_LOST:
                return await job.kill()
            return await self._terminate(job)
        finally:
            interrupted.cancel()
            waiting.cancel()

    async def _terminate(self, job: Job) -> JobResult:
        """Send TERM, and KILL after the grace, or earlier if the grace is cut meanwhile."""
        ending = asyncio.create_task(job.terminate(self._get_grace()))
        cut = asyncio.create_task(self._grace_cut.wait())
        try:
            await asyncio.wait({ending, cut}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({ending}, timeout=self._max_grace)
            return ending.result() if ending.done() else await job.kill()
        finally:
            cut.cancel()
            ending.cancel()

    def _get_grace(self) -> float:
        """Return the seconds between TERM and KILL. An attempt with a slot ends before Headgate counts it as over and frees the slot."""
        if self._interruption is Interruption.TIMEOUT and self._start.holds_slot:
            return min(self._context.grace, MAX_TIMEOUT_GRACE)
        return self._context.grace

    def _report_start_failure(self, message: str) -> StageReport:
        self._shipper.add_note(message)
        self._shipping = self._shipping or asyncio.create_task(self._shipper.send_notes())
        return self._reports.build_failure(message)


def _format_command(start: AttemptStart) -> str:
    if start.kind == "python":
        python = start.spec.get("python")
        return f"{start.spec.get('callable', '')}{f' (python: {python})' if python else ''}"
    if start.kind == "http":
        return ""
    command = start.spec.get("command") or []
    text = command if isinstance(command, str) else " ".join(str(argument) for argument in command)
    return "$ " + _shorten(" ⏎ ".join(filter(None, map(str.strip, text.splitlines()))))


def _shorten(command: str) -> str:
    """Return the command as one line, without its middle if it is a long script."""
    left_out = len(command) - _MAX_COMMAND
    if left_out <= 0:
        return command
    return f"{command[: _MAX_COMMAND // 2]} … {left_out:,} characters … {command[-_MAX_COMMAND // 2 :]}"
