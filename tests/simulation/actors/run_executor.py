"""A worker's part of the wire: start each attempt once, repeat the same words until they are answered, let go when refused."""

import asyncio
from datetime import timedelta
from typing import Any

from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceResult, WorkerReport
from application.ports.dispatch.worker_messages import AttemptStart, Claim
from application.ports.persistence.logs import NewLogLine
from domain.errors import Conflict, NotFound, Unavailable
from domain.reports.report import Report
from domain.runs.status import Reason, Status
from tests.simulation.actors.slots import Slots
from tests.simulation.actors.stage_process import Job
from tests.simulation.context import SimulationContext
from tests.simulation.runtime.network import NoAnswer
from tests.support.invariants import Acknowledged

Held = tuple[str, int]


class RunExecutor:
    """Carries one dispatch to its end."""

    def __init__(self, claim: Claim, worker_id: str, host: Any, slots: Slots, context: SimulationContext) -> None:
        self.claim, self.key = claim, (claim.run_id, claim.epoch)
        self._worker, self._host, self._slots, self._context = worker_id, host, slots, context
        self.started: set[Held] = set()
        self.running: dict[Held, Job] = {}
        self.unreported: list[WorkerReport] = []
        self.news = asyncio.Event()
        self.is_over = asyncio.Event()
        self.more = claim.more
        self.asked = self.stopped = self.leaving = self.over = self.refused = False
        self.renewed = asyncio.get_running_loop().time()

    @property
    def holding(self) -> frozenset[Held]:
        """Attempts whose end was not answered yet."""
        told = ((report.report.stage or "", report.report.attempt or 0) for report in self.unreported)
        return frozenset([*self.running, *told])

    async def carry(self) -> None:
        self._slots.waiting[self.news] = None
        try:
            self._begin(self.claim.starts)
            while not self.over:
                await self._until_news()
                if not self.over:
                    await self._step()
        finally:
            self._slots.waiting.pop(self.news, None)
        for job in list(self.running.values()):
            job.interrupt("refused")
        self._slots.give_back(len(self.unreported))

    def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.interrupt("stopped")
            self.news.set()

    def wake(self) -> None:
        self.asked = True
        self.news.set()

    def refuse(self) -> None:
        self.refused = self.over = True
        self.interrupt("refused")
        self.news.set()

    def leave(self) -> None:
        self.leaving = True
        self.news.set()

    def interrupt(self, why: str, *, only_retryable: bool = False) -> None:
        for job in list(self.running.values()):
            if not only_retryable or job.start.spec.get("retry_on_loss"):
                job.interrupt(why)

    # -- the loop -----------------------------------------------------------------------------------------------------

    async def _until_news(self) -> None:
        while not (self.over or self._has_something_to_say()):
            self.news.clear()
            await self.news.wait()

    def _has_something_to_say(self) -> bool:
        if self.unreported or self.asked:
            return True
        if self.leaving or self.stopped or not self.more:
            return not self.running
        return self._slots.free > 0

    async def _step(self) -> None:
        reports = list(self.unreported)
        reserved = len(reports) + self._slots.take_free(0 if self.leaving or self.stopped else len(self.claim.stages))
        self.asked = False
        words = AdvanceCommand(
            self._worker, self.claim.run_id, self.claim.epoch, 0 if self.leaving else reserved, reports, self.holding, self.leaving
        )
        answer = await self._until_answered(words)
        self._slots.give_back(reserved)
        if answer is None:
            self.refuse()
            return
        self.more = answer.more and len(answer.starts) >= reserved
        del self.unreported[: len(reports)]
        self._hear(answer, reports)
        if not (self.over or self.running or self.more):
            await asyncio.sleep(0.2)

    def _hear(self, answer: AdvanceResult, reports: list[WorkerReport]) -> None:
        for report, said in zip(reports, answer.answers, strict=True):
            self._context.ledger.answered(self.claim.run_id, self._worker, report.event_id, said)
            if said.applied:
                self._context.ledger.acknowledged.append(
                    Acknowledged(self.claim.run_id, said.seq, report.report.stage, report.report.status)
                )
        if any(said.problem == "not_yours" for said in answer.answers):
            self.refuse()
            return
        self._begin(answer.starts)
        if answer.stop:
            self.stop()
        self.over = self.over or answer.ended

    async def _until_answered(self, words: AdvanceCommand) -> AdvanceResult | None:
        """The answer to these very words, however often they must be said; None when the dispatch is another's."""
        pause = 0.2
        while True:
            web, free, received = self._context.a_web(), self._slots.free, self._slots.received
            try:
                return await self._context.network.call(web, "advance", lambda: web.advance(words, free, received))  # noqa: B023
            except (Conflict, NotFound):
                return None
            except (NoAnswer, Unavailable):
                await asyncio.sleep(pause)
                pause = min(2.0, 2 * pause)

    def _begin(self, starts: Any) -> None:
        for start in starts:
            held = (start.stage, start.attempt)
            if not self._knows(held):
                self.started.add(held)
                self._slots.take(1)
                job = self.running[held] = Job(self._context, self._host, self.claim, start)
                job.ended.add_done_callback(lambda ended, job=job: self._job_ended(job, ended.result()))
                asyncio.get_running_loop().call_later(start.timeout, job.interrupt, "timeout")
                if self.stopped:
                    job.interrupt("stopped")

    def _knows(self, held: Held) -> bool:
        return held in self.started

    def _job_ended(self, job: Job, status: str) -> None:
        self.running.pop((job.start.stage, job.start.attempt), None)
        if self._host.is_up:
            self._host.keep(self._ship(job.start, status))
        if job.why == "refused" or self.over:
            self._slots.give_back(1)
        else:
            self.unreported.append(self._report(job.start, status, job.why))
        self.news.set()

    async def _ship(self, start: AttemptStart, last: str) -> None:
        """Send what the attempt wrote, stamped by this machine's clock."""
        at = self._context.clock.now() + timedelta(seconds=self._context.plan.worker_skew)
        lines = [NewLogLine(index, at, "stdout", word) for index, word in enumerate(("begun", last))]
        where = (self.claim.run_id, start.stage, start.attempt)
        while True:
            web = self._context.a_web()
            try:
                await self._context.network.call(web, "log", lambda: web.append_log(*where, lines))  # noqa: B023
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1.0)
                continue
            self._context.ledger.shipped_logs.append(where)
            return

    def _report(self, start: AttemptStart, status: str, why: str | None) -> WorkerReport:
        run_id, epoch = self.key
        end, reason = {
            "completed": (Status.COMPLETED, None),
            "failed": (Status.FAILED, Reason.ERROR),
            "killed": {"stopped": (Status.CANCELLED, None), "timeout": (Status.FAILED, Reason.TIMEOUT)}.get(
                why or "", (Status.FAILED, Reason.ERROR)
            ),
        }[status]
        records = 10 if end is Status.COMPLETED else None
        return WorkerReport(
            f"{run_id}:{start.stage}:{start.attempt}:{epoch}:1", Report(end, start.stage, start.attempt, records, reason=reason)
        )
