"""Judge the status updates of one transaction and store what they change."""

from dataclasses import dataclass, field
from datetime import datetime

from application.commands.reports.find_report_target import (
    ReportTarget,
    check_run_of_pipeline,
    make_receipt_key,
    refuse_other_attempt,
    refuse_other_pipeline,
    refuse_unknown_run,
)
from application.commands.reports.report_results import ReportResult, to_report_result
from application.commands.reports.status_update import StatusUpdate
from application.ports.persistence.receipts import Receipt, ReceiptKey
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.reports.judging import judge_report
from domain.reports.report import ReportOutcome
from domain.runs.run import Run
from domain.runs.status import Status
from domain.value_object import value_object

_EVENT_ID_REUSED = ReportResult(
    ReportOutcome.INVALID, "This event_id was used for another report about this run.", problem="event_id_reused"
)


@value_object
class PlacedReport:
    """A report that names no run, in a run that was chosen for it. `last_seq` is the reporter's highest `seq` on the pipeline."""

    last_seq: int | None = None
    opened_run: bool = False


@dataclass(slots=True)
class ReportBatch:
    """The locked runs, receipts and sequence numbers that a list of updates is about.

    `last_seqs` are the highest `seq` per (run id, reporter).
    """

    runs: dict[int, Run]
    receipts: dict[ReceiptKey, Receipt]
    last_seqs: dict[tuple[int, str], int]
    now: datetime
    _new_receipts: dict[ReceiptKey, Receipt] = field(default_factory=dict)
    _new_seqs: dict[tuple[int, str], int] = field(default_factory=dict)

    def judge_named(self, update: StatusUpdate, target: ReportTarget) -> ReportResult:
        """Return the result of an update that names its run."""
        run_id = target.run_id or 0
        run = self.runs.get(run_id)
        if run is None:
            return refuse_unknown_run(run_id)
        refusal = _check_token_scope(update, run) or check_run_of_pipeline(run, target.pipeline)
        return refusal or self.judge(run, update)

    def judge(self, run: Run, update: StatusUpdate, placed: PlacedReport | None = None) -> ReportResult:
        """Return the result of the update: the stored one if its event id was answered before."""
        if update.event_id is None:
            return self._judge_report(run, update, placed)
        key = make_receipt_key(update, run.id)
        receipt = self.receipts.get(key)
        if receipt is not None:
            return answer_from_receipt(receipt, update)
        result = self._judge_report(run, update, placed)
        self.receipts[key] = self._new_receipts[key] = Receipt(update.digest, result.as_json())
        return result

    def _judge_report(self, run: Run, update: StatusUpdate, placed: PlacedReport | None) -> ReportResult:
        reporter, report = update.effective_reporter, update.report
        if placed is not None and placed.opened_run and report.stage is None and report.status is Status.RUNNING:
            return ReportResult(ReportOutcome.APPLIED, None, run.id, 1, run.status)
        seq_key = (run.id, reporter.name) if reporter.name is not None else None
        last_seq = self.last_seqs.get(seq_key) if seq_key else None
        if placed is not None and placed.last_seq is not None:
            last_seq = max(placed.last_seq, last_seq if last_seq is not None else placed.last_seq)
        decision = judge_report(run, report, reporter, last_seq, self.now, is_placed=placed is not None)
        if seq_key and report.seq is not None and report.seq > self.last_seqs.get(seq_key, -1):
            self.last_seqs[seq_key] = self._new_seqs[seq_key] = report.seq
        return to_report_result(run, decision)

    async def store(self, work: UnitOfWork) -> list[Run]:
        """Write the changes, and return the runs that changed."""
        changed = [run for run in self.runs.values() if run.new_events]
        if changed:
            await work.runs.save(*changed)
        if self._new_receipts:
            await work.receipts.add(self._new_receipts, self.now)
        if self._new_seqs:
            await work.receipts.set_last_seqs(self._new_seqs)
        return changed


def answer_from_receipt(receipt: Receipt, update: StatusUpdate) -> ReportResult:
    return ReportResult.from_json(receipt.answer) if receipt.digest == update.digest else _EVENT_ID_REUSED


def _check_token_scope(update: StatusUpdate, run: Run) -> ReportResult | None:
    token, token_reporter = update.token, update.token_reporter
    if token_reporter is not None and not token_reporter.can_report_on(run.pipeline_id):
        return refuse_other_pipeline(token_reporter, f"run {run.id}")
    named = run.id, update.report.stage, update.report.attempt
    if token is not None and named != (token.run_id, token.stage, token.attempt):
        return refuse_other_attempt(token, f"attempt {named[2]} of stage {named[1]:.100} of run {named[0]}")
    return None
