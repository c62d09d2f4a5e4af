"""A machine that reports on external stages: several reports at once, each repeated until it is answered, even after a restart."""

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
    """A report, and the seconds of work before it."""

    after: float
    update: StatusUpdate


class Reporter(Process):
    """Reports on the external stages of one run. It remembers across restarts which reports were answered."""

    def __init__(self, name: str, run_id: int | None, pipeline: str, stages: list[str], context: SimulationContext) -> None:
        super().__init__(name, context.report_defect)
        self._context, self._run_id, self._pipeline = context, run_id, pipeline
        self._answered: set[str] = set()
        self._scripts = {stage: list(self._write_script(stage)) for stage in stages}

    @property
    def is_done(self) -> bool:
        return all(scripted.update.event_id in self._answered for reports in self._scripts.values() for scripted in reports)

    def boot(self) -> None:
        self.is_up = True
        self.run_in_background(self._send_reports())

    async def _send_reports(self) -> None:
        if self._run_id is None:
            await self._open_run()
        async with asyncio.TaskGroup() as group:
            for reports in self._scripts.values():
                for scripted in reports:
                    if scripted.update.event_id not in self._answered:
                        group.create_task(self._send(scripted))

    async def _open_run(self) -> None:
        """Open the run with a first report, unless it is open already."""
        first = self._build_report("open", Status.RUNNING, None, 0, None)
        answer = await self._send_until_answered(replace(first.update, pipeline=self._pipeline))
        self._run_id = answer.run_id

    async def _send(self, scripted: ScriptedReport) -> None:
        await asyncio.sleep(scripted.after)
        answer = await self._send_until_answered(replace(scripted.update, run_id=self._run_id))
        if self._context.random.random() < 0.3:  # as a script that missed the answer
            answer = await self._send_until_answered(replace(scripted.update, run_id=self._run_id))
        self._answered.add(scripted.update.event_id or "")
        if answer.outcome is ReportOutcome.NOT_FOUND:
            self._context.report_defect(f"{scripted.update.event_id} was answered with {answer}")

    async def _send_until_answered(self, update: StatusUpdate) -> ReportResult:
        pause = 0.2
        while True:
            web = self._context.pick_web()
            try:
                [answer] = await self._context.network.call(web, "report", lambda: web.report([update]))  # noqa: B023
            except (NoAnswer, Unavailable):
                await asyncio.sleep(pause)
                pause = min(3.0, 2 * pause)
                continue
            self._record(update, answer)
            return answer

    def _record(self, update: StatusUpdate, answer: ReportResult) -> None:
        ledger, report = self._context.ledger, update.report
        self._context.note("answered", update.event_id, answer.outcome, answer.seq)
        if answer.run_id is None:
            return
        if report.stage is not None:
            ledger.record_answer(answer.run_id, update.reporter or "", update.event_id or "", answer)
        if answer.applied and report.stage is not None:
            ledger.acknowledged.append(Acknowledged(answer.run_id, answer.seq, report.stage, report.status, report.message))
            ledger.applied.setdefault((answer.run_id, update.reporter or ""), {})[answer.seq or 0] = report.seq or 0
        elif answer.applied:
            ledger.acknowledged.append(Acknowledged(answer.run_id))

    def _write_script(self, stage: str) -> list[ScriptedReport]:
        work = self._context.plan.work(self._run_id or 0, stage, 1)
        end = Status.COMPLETED if work.status == "completed" else Status.FAILED
        start = 2.0 * self._context.random.random()
        return [
            self._build_report(f"{stage}:1", Status.RUNNING, stage, start, 1),
            self._build_report(f"{stage}:2", Status.RUNNING, stage, start + 0.3 * self._context.random.random() * work.seconds, 2),
            self._build_report(f"{stage}:3", end, stage, start + work.seconds, 3),
        ]

    def _build_report(self, id: str, status: Status, stage: str | None, after: float, seq: int | None) -> ScriptedReport:
        skewed = self._context.clock.now() + timedelta(seconds=self._context.plan.reporter_skew)
        event_id = f"{self.name}:{id}"
        report = Report(status, stage, message=event_id if stage else None, seq=seq, records_processed=seq, reported_at=skewed)
        reporter = f"{self.name}.{stage}" if stage else self.name
        return ScriptedReport(after, StatusUpdate(report, None, None, event_id, reporter, sha256(event_id.encode()).digest()))
