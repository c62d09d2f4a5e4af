"""Judge the status updates of one transaction and store what they change."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from application.commands.reports.find_report_target import WRONG_PIPELINE, ReportTarget, make_receipt_key
from application.commands.reports.report_results import ReportResult, to_report_result
from application.commands.reports.status_update import StatusUpdate
from application.ports.persistence.receipts import Receipt, ReceiptKey
from application.ports.persistence.unit_of_work import LoadedForUpdate, UnitOfWork
from domain.reports.judging import judge_report
from domain.reports.report import ReportOutcome
from domain.runs.run import Run

_WRONG_ATTEMPT = ReportResult(
    ReportOutcome.FORBIDDEN, "This token is valid only for the stage attempt it was issued for.", problem="token_scope"
)
_EVENT_ID_REUSED = ReportResult(
    ReportOutcome.INVALID, "This event_id was used for another report about this run.", problem="event_id_reused"
)


@dataclass(slots=True)
class ReportBatch:
    """The locked runs, receipts and sequence numbers that a list of updates is about.

    `last_seqs` are the highest `seq` per (run id, reporter).
    """

    work: UnitOfWork
    runs: dict[int, Run]
    receipts: dict[ReceiptKey, Receipt]
    last_seqs: dict[tuple[int, str], int]
    now: datetime
    _new_receipts: dict[ReceiptKey, Receipt] = field(default_factory=dict)
    _new_seqs: dict[tuple[int, str], int] = field(default_factory=dict)
    _ended_pipeline_ids: set[int] = field(default_factory=set)
    """Pipelines that had a run end in this batch. For later updates without a run id, the target must be found again."""
    _postponed_pipeline_ids: set[int] = field(default_factory=set)
    """Pipelines with a postponed update. Later updates about them are postponed too, to keep their order."""

    @classmethod
    async def load(
        cls, work: UnitOfWork, updates: Sequence[StatusUpdate], targets: Sequence[ReportTarget], now: datetime, loaded: LoadedForUpdate
    ) -> "ReportBatch":
        pairs = [(update, target.run_id) for update, target in zip(updates, targets, strict=True) if target.run_id]
        reporters = [(run_id, update.effective_reporter.name) for update, run_id in pairs if update.report.seq is not None]
        named = sorted({(run_id, name) for run_id, name in reporters if name is not None})
        last_seqs = dict(await work.receipts.last_seqs(named)) if named else {}
        return cls(work, loaded.runs, loaded.receipts, last_seqs, now)

    def judge_or_postpone(self, update: StatusUpdate, target: ReportTarget) -> ReportResult | None:
        """Return the result; None if the update must wait for the next transaction, because its run has to be found again."""
        if not self._ended_pipeline_ids:
            return self.judge(update, target)
        run = self.runs.get(target.run_id or 0)
        pipeline_id = target.inferred_from_pipeline_id or (run.pipeline_id if run else 0)
        if target.inferred_from_pipeline_id in self._ended_pipeline_ids or pipeline_id in self._postponed_pipeline_ids:
            self._postponed_pipeline_ids.add(pipeline_id)
            return None
        return self.judge(update, target)

    def judge(self, update: StatusUpdate, target: ReportTarget) -> ReportResult:
        """Return the result of the update: the stored one if its event id was answered before."""
        if target.result is not None:
            return target.result
        run = self.runs.get(target.run_id or 0)
        if run is None:
            return ReportResult(ReportOutcome.NOT_FOUND, f"There is no run {target.run_id}.", problem="not_found")
        refusal = _check_token_scope(update, run)
        if refusal is not None:
            return refusal
        if update.event_id is None:
            return self._judge_report(run, update, opened=target.opened)
        key = make_receipt_key(update, run.id)
        receipt = self.receipts.get(key)
        if receipt is not None:
            return ReportResult.from_json(receipt.answer) if receipt.digest == update.digest else _EVENT_ID_REUSED
        result = self._judge_report(run, update, opened=target.opened)
        self.receipts[key] = self._new_receipts[key] = Receipt(update.digest, result.as_json())
        return result

    def _judge_report(self, run: Run, update: StatusUpdate, *, opened: bool) -> ReportResult:
        reporter, report = update.effective_reporter, update.report
        if opened and report.stage is None:
            return ReportResult(ReportOutcome.APPLIED, None, run.id, 1, run.status)
        seq_key = (run.id, reporter.name) if reporter.name is not None else None
        was_over = run.is_over
        decision = judge_report(run, report, reporter, self.last_seqs.get(seq_key) if seq_key else None, self.now)
        if run.is_over and not was_over:
            self._ended_pipeline_ids.add(run.pipeline_id)
        if seq_key and report.seq is not None and report.seq > self.last_seqs.get(seq_key, -1):
            self.last_seqs[seq_key] = self._new_seqs[seq_key] = report.seq
        return to_report_result(run, decision)

    async def store(self) -> list[Run]:
        """Write the changes, and return the runs that changed."""
        changed = [run for run in self.runs.values() if run.new_events]
        if changed:
            await self.work.runs.save(*changed)
        if self._new_receipts:
            await self.work.receipts.add(self._new_receipts, self.now)
        if self._new_seqs:
            await self.work.receipts.set_last_seqs(self._new_seqs)
        return changed


def _check_token_scope(update: StatusUpdate, run: Run) -> ReportResult | None:
    token, token_reporter = update.token, update.token_reporter
    if token_reporter is not None and not token_reporter.can_report_on(run.pipeline_id):
        return WRONG_PIPELINE
    if token is not None and (token.run_id != run.id or token.stage != update.report.stage):
        return _WRONG_ATTEMPT
    return None
