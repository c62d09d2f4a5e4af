"""A machine elsewhere that reports how its stages go: several words at once, each repeated until answered, also after its own death."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from application.commands.reports.report_results import ReportResult
from application.commands.reports.status_update import StatusUpdate
from domain.errors import Unavailable
from domain.reports.report import Report, ReportOutcome
from domain.runs.status import Status
from tests.simulation.context import SimulationContext
from tests.simulation.runtime.network import NoAnswer
from tests.simulation.runtime.process import Process
from tests.support.invariants import Acknowledged


@dataclass(frozen=True, slots=True)
class ScriptedReport:
    """One report, and the seconds of the machine's own work before it."""

    after: float
    update: StatusUpdate


class Reporter(Process):
    """Speaks of one run's external stages. Its journal survives it: what was not answered is said again by its next life."""

    def __init__(self, name: str, run_id: int | None, pipeline: str, stages: list[str], context: SimulationContext) -> None:
        super().__init__(name, context.defect)
        self._context, self._run_id, self._pipeline = context, run_id, pipeline
        self._said: set[str] = set()
        self._words = {stage: list(self._script(stage)) for stage in stages}

    @property
    def is_done(self) -> bool:
        return all(word.update.event_id in self._said for words in self._words.values() for word in words)

    def boot(self) -> None:
        self.is_up = True
        self.keep(self._speak())

    async def _speak(self) -> None:
        if self._run_id is None:
            await self._open()
        async with asyncio.TaskGroup() as group:
            for words in self._words.values():
                for word in words:
                    if word.update.event_id not in self._said:
                        group.create_task(self._say(word))

    async def _open(self) -> None:
        """The first word opens the run, if nobody did before."""
        first = self._word("open", Status.RUNNING, None, 0, None)
        answer = await self._until_answered(replace(first.update, pipeline=self._pipeline))
        self._run_id = answer.run_id

    async def _say(self, word: ScriptedReport) -> None:
        await asyncio.sleep(word.after)
        answer = await self._until_answered(replace(word.update, run_id=self._run_id))
        if self._context.random.random() < 0.3:  # as a script that does not know that it was heard
            answer = await self._until_answered(replace(word.update, run_id=self._run_id))
        self._said.add(word.update.event_id or "")
        if answer.outcome is ReportOutcome.NOT_FOUND:
            self._context.defect(f"{word.update.event_id} was answered {answer}")

    async def _until_answered(self, update: StatusUpdate) -> ReportResult:
        pause = 0.2
        while True:
            web = self._context.a_web()
            try:
                [answer] = await self._context.network.call(web, "report", lambda: web.report([update]))  # noqa: B023
            except (NoAnswer, Unavailable):
                await asyncio.sleep(pause)
                pause = min(3.0, 2 * pause)
                continue
            self._keep(update, answer)
            return answer

    def _keep(self, update: StatusUpdate, answer: ReportResult) -> None:
        ledger, report = self._context.ledger, update.report
        self._context.note("answered", update.event_id, answer.outcome, answer.seq)
        if answer.run_id is None:
            return
        if report.stage is not None:
            ledger.answered(answer.run_id, update.reporter or "", update.event_id or "", answer)
        if answer.applied and report.stage is not None:
            ledger.acknowledged.append(Acknowledged(answer.run_id, answer.seq, report.stage, report.status, report.message))
            ledger.applied.setdefault((answer.run_id, update.reporter or ""), {})[answer.seq or 0] = report.seq or 0
        elif answer.applied:
            ledger.acknowledged.append(Acknowledged(answer.run_id))

    def _script(self, stage: str) -> list[ScriptedReport]:
        work = self._context.plan.work(self._run_id or 0, stage, 1)
        end = Status.COMPLETED if work.status == "completed" else Status.FAILED
        start = 2.0 * self._context.random.random()
        return [
            self._word(f"{stage}:1", Status.RUNNING, stage, start, 1),
            self._word(f"{stage}:2", Status.RUNNING, stage, start + 0.3 * self._context.random.random() * work.seconds, 2),
            self._word(f"{stage}:3", end, stage, start + work.seconds, 3),
        ]

    def _word(self, id: str, status: Status, stage: str | None, after: float, seq: int | None) -> ScriptedReport:
        skewed = self._context.clock.now() + timedelta(seconds=self._context.plan.reporter_skew)
        event_id = f"{self.name}:{id}"
        report = Report(status, stage, message=event_id if stage else None, seq=seq, records_processed=seq, reported_at=skewed)
        speaker = f"{self.name}.{stage}" if stage else self.name
        return ScriptedReport(after, StatusUpdate(report, None, None, event_id, speaker, sha256(event_id.encode()).digest()))
