"""Find the run or the pipeline that a status update is about."""

from collections.abc import Mapping

from application.commands.reports.report_results import ReportResult
from application.commands.reports.status_update import StatusUpdate, TokenReporter
from application.ports.access.execution_tokens import AttemptClaims
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.receipts import ReceiptKey
from domain.reports.report import ReportOutcome
from domain.runs.run import Run
from domain.runs.run_name import RunName
from domain.value_object import value_object


@value_object
class ReportTarget:
    """The subject of an update: the run that it names, or else its pipeline. `result` refuses an update that names neither, or wrongly."""

    run_id: int | None = None
    pipeline: StoredPipeline | None = None
    result: ReportResult | None = None

    @property
    def pipeline_to_search(self) -> StoredPipeline | None:
        """The pipeline whose run has to be found, for an update that names no run."""
        return self.pipeline if self.run_id is None and self.result is None else None


def find_report_target(update: StatusUpdate, pipelines: Mapping[PipelineRef, StoredPipeline]) -> ReportTarget:
    """Return the update's target. `pipelines` are those that updates name and that exist."""
    pipeline = pipelines.get(update.pipeline) if update.pipeline is not None else None
    if update.pipeline is not None and pipeline is None:
        return _refuse(ReportOutcome.NOT_FOUND, "not_found", f"There is no pipeline {update.pipeline!s:.120}.")
    if pipeline is not None and update.token_reporter is not None and not update.token_reporter.can_report_on(pipeline.id):
        return ReportTarget(result=refuse_other_pipeline(update.token_reporter, f"pipeline {update.pipeline!s:.120}"))
    if update.unknown_run is not None:
        return ReportTarget(result=refuse_unknown_run(update.unknown_run))
    if update.run_id is None and pipeline is None:
        return _refuse(ReportOutcome.INVALID, "invalid", "pipeline_id or run_id is required.")
    return ReportTarget(update.run_id, pipeline)


def refuse_unknown_run(run: int | RunName) -> ReportResult:
    return ReportResult(ReportOutcome.NOT_FOUND, f"There is no run {run}.", problem="not_found")


def refuse_other_pipeline(token: TokenReporter, named: str) -> ReportResult:
    """Refuse a report of a token that may not report on what the report names."""
    sentence = f"This token is limited to reports about pipeline {token.pipeline_id}, but the report names {named}."
    return ReportResult(ReportOutcome.FORBIDDEN, sentence, problem="token_scope")


def refuse_other_attempt(token: AttemptClaims, named: str) -> ReportResult:
    """Refuse a report of an attempt's token that names another attempt."""
    own = f"attempt {token.attempt} of stage {token.stage} of run {token.run_id}"
    sentence = f"This token is limited to reports about {own}, but the report names {named}."
    return ReportResult(ReportOutcome.FORBIDDEN, sentence, problem="token_scope")


def check_run_of_pipeline(run: Run, pipeline: StoredPipeline | None) -> ReportResult | None:
    """Refuse an update that names a pipeline and a run of another one."""
    if pipeline is None or run.pipeline_id == pipeline.id:
        return None
    sentence = f"{run.name} is not a run of {pipeline.name}. Correct the run or the pipeline."
    facts = {"pipeline": pipeline.name, "pipeline_of_run": run.definition.name, "run_id": run.id}
    return ReportResult(ReportOutcome.REFUSED, sentence, run.id, problem="different_pipeline", facts=facts)


def make_receipt_key(update: StatusUpdate, run_id: int) -> ReceiptKey:
    return ReceiptKey(run_id, update.effective_reporter.name or "", update.event_id or "")


def _refuse(outcome: ReportOutcome, problem: str, why: str) -> ReportTarget:
    return ReportTarget(result=ReportResult(outcome, why, problem=problem))
