"""One attempt of a stage on this worker, from its start to its report."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from adapters.telemetry.null import NullTelemetry
from application.ports.links import Claim, Start
from application.ports.telemetry import Span, Telemetry
from entrypoints.worker.endings import Interruption, Reporting
from entrypoints.worker.host_client import HostDied
from entrypoints.worker.host_job import Job, JobEnd
from entrypoints.worker.hosts import Hosts
from entrypoints.worker.link import Link
from entrypoints.worker.lull import Lull
from entrypoints.worker.shipper import Shipper
from entrypoints.worker.tracing import BurstTrace, tell_end
from entrypoints.worker.wire import Held, StageReport
from entrypoints.worker.world import StageStart, Surroundings, WorldError, build_world, job_of

log = logging.getLogger("headgate.worker")

_OUTPUT_TOLD: Final = 2.0
"""Seconds that an end which is no success waits for its output to be stored: who hears of a failure wants to read its reason."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a stage needs of its worker. `grace` is in seconds, between TERM and KILL; `forwards` has what stages print logged too."""

    hosts: Hosts
    link: Link
    surroundings: Surroundings
    grace: float
    telemetry: Telemetry = field(default_factory=NullTelemetry)
    forwards: bool = False
    lull: Lull = field(default_factory=Lull)


class Attempt:
    """Runs once. `ended` gives its report, or None for one that nobody wants to hear of any more."""

    def __init__(self, claim: Claim, start: Start, bench: Bench, trace: BurstTrace | None = None) -> None:
        self.held: Held = (start.stage, start.attempt)
        self.retry_on_loss = bool(start.spec.get("retry_on_loss", False))
        self.allow_failure = bool(start.spec.get("allow_failure", False))
        self.ended: asyncio.Future[StageReport | None] = asyncio.get_running_loop().create_future()
        self._claim, self._start, self._bench = claim, start, bench
        self._trace = trace or BurstTrace(bench.telemetry, claim)
        self._reporting = Reporting((claim.run_id, claim.epoch), self.held, start.timeout)
        self._shipper = Shipper(bench.link, claim.run_id, *self.held, forwards=bench.forwards)
        self._shipping: asyncio.Task[None] | None = None
        self._interruption: Interruption | None = None
        self._interrupted = asyncio.Event()

    async def run(self) -> StageReport | None:
        """Start the stage's process, see it to its end, say how it ended. Never raises but when cancelled."""
        with self._trace.attempting(self._start) as span:
            report = await self._run_to_report(span)
            tell_end(span, report, self._shipper.last_lines)
        return report

    async def _run_to_report(self, span: Span) -> StageReport | None:
        report: StageReport | None = None
        try:
            report = await self._run(span)
        except (WorldError, HostDied, OSError) as error:
            report = self._never_began(str(error))
        except Exception as error:
            log.exception("%s of run %s", self._start.stage, self._claim.run_id)
            report = self._never_began(f"The worker failed: {error!r}")
        finally:
            self.ended.set_result(None if self._interruption is Interruption.REFUSED else report)
        return self.ended.result()

    def interrupt(self, why: Interruption) -> None:
        """End it early: TERM, a grace, KILL. Refused: KILL at once. The first reason stands, except that refused always does."""
        if self._interruption is None or why is Interruption.REFUSED:
            self._interruption = why
            self._interrupted.set()

    async def shipped(self) -> None:
        """Wait until all its output is with Headgate."""
        if self._shipping is not None:
            await self._shipping

    def drop_output(self) -> None:
        """Send no more of its output."""
        if self._shipping is not None:
            self._shipping.cancel()

    async def _run(self, span: Span) -> StageReport | None:
        claim, start = self._claim, self._start
        asked = StageStart(
            run_id=claim.run_id,
            stage=start.stage,
            attempt=start.attempt,
            kind=start.kind,
            spec=start.spec,
            parameters={**claim.parameters, **start.given},
            token=start.token,
            url=self._bench.link.url,
            trace=self._trace.for_process(span),
        )
        world = build_world(asked, self._bench.surroundings)
        job = await self._bench.hosts.run(job_of(asked, world))
        if headline := _headline(start):
            self._shipper.remark(headline)
        self._shipping = asyncio.create_task(self._shipper.ship(job))
        end = await self._end_of(job)
        if not end.succeeded and self._interruption is not Interruption.REFUSED:
            await asyncio.wait({self._shipping}, timeout=_OUTPUT_TOLD)
        return self._reporting.of(end, self._interruption, self._shipper.last_error)

    async def _end_of(self, job: Job) -> JobEnd:
        waiting = asyncio.create_task(job.wait())
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            await asyncio.wait({waiting, interrupted}, timeout=self._start.timeout, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                self._interruption = self._interruption if self._interruption is Interruption.REFUSED else None
                return waiting.result()
            self.interrupt(Interruption.TIMEOUT)
            if self._interruption is Interruption.REFUSED:
                return await job.kill()
            return await job.terminate(self._bench.grace)
        finally:
            interrupted.cancel()
            waiting.cancel()

    def _never_began(self, sentence: str) -> StageReport:
        self._shipper.remark(sentence)
        self._shipping = self._shipping or asyncio.create_task(self._shipper.send_remarks())
        return self._reporting.failed(sentence)


def _headline(start: Start) -> str:
    if start.kind == "python":
        return str(start.spec.get("callable", ""))
    if start.kind == "http":
        return ""
    command = start.spec.get("command") or []
    return "$ " + (command if isinstance(command, str) else " ".join(str(word) for word in command))
