"""The updates of one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.commands.reports.find_report_target import WRONG_PIPELINE_RESULT, ReportTarget, make_receipt_key
from application.commands.reports.report_results import ReportResult, to_report_result
from application.commands.reports.status_update import StatusUpdate
from application.ports.persistence.receipts import Receipt, ReceiptKey
from application.ports.persistence.unit_of_work import LoadedForUpdate, UnitOfWork
from application.ports.system.clock import Clock
from domain.reports.rules import judge_report
from domain.runs.run import Run


@dataclass(slots=True)
class ReportBatch:
    """The runs, receipts and seqs that one list of updates is about, loaded and locked together."""

    work: UnitOfWork
    runs: dict[int, Run]
    receipts: dict[ReceiptKey, Receipt]
    seqs: dict[tuple[int, str], int]
    new_receipts: dict[ReceiptKey, Receipt]
    new_seqs: dict[tuple[int, str], int]
    ended: set[int]
    """The pipelines of which a run has ended here: which run is meant without a name is another question now."""
    now: datetime
    postponed: set[int]
    """The pipelines of which an update waits for that question's answer: what follows about them waits behind it."""

    @classmethod
    async def load(
        cls, work: UnitOfWork, updates: Sequence[StatusUpdate], targets: Sequence[ReportTarget], clock: Clock, taken: LoadedForUpdate
    ) -> "ReportBatch":
        pairs = [(update, target.run_id) for update, target in zip(updates, targets, strict=True) if target.run_id]
        reporters = [(run_id, update.effective_reporter.name) for update, run_id in pairs if update.report.seq is not None]
        named = sorted({(run_id, name) for run_id, name in reporters if name is not None})
        seqs = dict(await work.receipts.last_seqs(named)) if named else {}
        return cls(work, taken.runs, taken.receipts, seqs, {}, {}, set(), clock.now(), set())

    def answer(self, update: StatusUpdate, target: ReportTarget) -> ReportResult | None:
        if not self.ended:
            return self.judged(update, target)
        run = self.runs.get(target.run_id or 0)
        pipeline = target.inferred_from_pipeline_id or (run.pipeline_id if run else 0)
        if target.inferred_from_pipeline_id in self.ended or pipeline in self.postponed:
            self.postponed.add(pipeline)
            return None
        return self.judged(update, target)

    def judged(self, update: StatusUpdate, target: ReportTarget) -> ReportResult:
        if target.answer is not None:
            return target.answer
        run = self.runs.get(target.run_id or 0)
        refusal = _out_of_scope(update, run)
        if run is None or refusal is not None:
            return refusal or _no_run(target.run_id)
        key = make_receipt_key(update, run.id) if update.event_id is not None else None
        stored = self.receipts.get(key) if key else None
        if stored is not None:
            return ReportResult.from_json(stored.answer) if stored.digest == update.digest else _EVENT_ID_REUSED
        answer = self._judge(run, update, opened=target.opened)
        if key is not None and answer.http_status != 403:
            self.receipts[key] = self.new_receipts[key] = Receipt(update.digest, answer.as_json())
        return answer

    def _judge(self, run: Run, update: StatusUpdate, *, opened: bool) -> ReportResult:
        reporter, report = update.effective_reporter, update.report
        if opened and report.stage is None:
            return ReportResult(200, True, None, run.id, 1, run.status)
        who = (run.id, reporter.name) if reporter.name is not None else None
        was_over = run.is_over
        ruling = judge_report(run, report, reporter, self.seqs.get(who) if who else None, self.now)
        if run.is_over and not was_over:
            self.ended.add(run.pipeline_id)
        if who and report.seq is not None and report.seq > self.seqs.get(who, -1):
            self.seqs[who] = self.new_seqs[who] = report.seq
        return to_report_result(run, ruling)

    async def store(self) -> list[Run]:
        """Write what changed; returns the runs that did."""
        changed = [run for run in self.runs.values() if run.new_events]
        if changed:
            await self.work.runs.save(*changed)
        if self.new_receipts:
            await self.work.receipts.add(self.new_receipts, self.now)
        if self.new_seqs:
            await self.work.receipts.set_last_seqs(self.new_seqs)
        return changed


def _out_of_scope(update: StatusUpdate, run: Run | None) -> ReportResult | None:
    token = update.token
    if run is None or (token is None and update.token_reporter is None):
        return None
    if update.token_reporter is not None and not update.token_reporter.can_report_on(run.pipeline_id):
        return WRONG_PIPELINE_RESULT
    if token is None:
        return None
    if token.run_id == run.id and token.stage == update.report.stage:
        return None
    sentence = "This token is good for the stage attempt it was made for, and nothing else."
    return ReportResult(403, False, sentence, problem="token_scope")


def _no_run(run_id: int | None) -> ReportResult:
    return ReportResult(404, False, f"There is no run {run_id}.", problem="not_found")


_EVENT_ID_REUSED = ReportResult(422, False, "This event_id was used for another report of this run.", problem="event_id_reused")
