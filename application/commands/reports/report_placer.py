"""Judge the status updates that name no run: find the run that each belongs to, and open the next one for a report that begins it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from application.commands.reports.find_report_target import make_receipt_key
from application.commands.reports.report_batch import PlacedReport, ReportBatch, answer_from_receipt
from application.commands.reports.report_results import ReportResult
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.run_opener import TriggerCommand, open_reported_run
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.reporters import LastReport, ReporterKey, TakenReport
from application.ports.persistence.runs import RecentRuns
from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.system.clock import Clock
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.name_lists import format_names
from domain.pipelines.activation import describe_archived
from domain.reports.placement import is_repeat, name_only_stage, place_report, supersede_older_runs
from domain.reports.report import ReportOutcome
from domain.runs.run import Run
from domain.runs.trigger import REPORT, Trigger


class PipelineLocksNeeded(Exception):
    """Reports open runs, and their pipelines are not locked. They must be locked before any run, so the transaction starts again."""

    def __init__(self, pipeline_ids: frozenset[int]) -> None:
        super().__init__(f"pipelines {sorted(pipeline_ids)} must be locked")
        self.pipeline_ids = pipeline_ids


@dataclass(slots=True)
class ReportPlacer:
    """Judges updates without a run, in order. `recent` are the runs of their pipelines; `last_reports` those of their reporters."""

    work: UnitOfWork
    batch: ReportBatch
    schemas: ParameterSchemas
    clock: Clock
    recent: Mapping[int, RecentRuns]
    last_reports: dict[ReporterKey, LastReport]
    locked_pipeline_ids: frozenset[int]
    _opened: dict[int, list[Run]] = field(default_factory=dict)
    _reporters: set[ReporterKey] = field(default_factory=set)
    """The reporters with a new last report."""

    async def judge(self, update: StatusUpdate, pipeline: StoredPipeline) -> ReportResult:
        """Return the result of an update that names only its pipeline. Raises PipelineLocksNeeded."""
        if pipeline.definition.is_all_external:
            return await self._judge_placed(update, pipeline)
        return self._judge_active(update, pipeline)

    async def store(self) -> None:
        if self._reporters:
            await self.work.reporters.save({key: self.last_reports[key].report for key in self._reporters})

    # -- Pipelines with stages that run on workers: a person or a program starts their runs ---------------------------------------

    def _judge_active(self, update: StatusUpdate, pipeline: StoredPipeline) -> ReportResult:
        """Judge the update in the only active run, else in the latest one."""
        recent = self.recent[pipeline.id]
        if len(recent.active) > 1:
            sentence = f"{pipeline.name} has {len(recent.active)} active runs. Select one with run_id."
            return ReportResult(ReportOutcome.REFUSED, sentence, problem="several_runs", facts={"runs": list(recent.active)})
        active = [run for run_id in recent.active if not (run := self.batch.runs[run_id]).is_over]
        if not active and recent.latest is None:
            return _refuse_without_run(f"{pipeline.name} has no runs yet. Trigger it first.")
        return self.batch.judge(active[0] if active else self.batch.runs[recent.latest or 0], update)

    # -- Pipelines whose stages are all external: reports start their runs --------------------------------------------------------

    async def _judge_placed(self, update: StatusUpdate, pipeline: StoredPipeline) -> ReportResult:
        if update.report.stage is None and (only := name_only_stage(pipeline.definition)) is not None:
            update = replace(update, report=replace(update.report, stage=only))
        runs = self._list_runs(pipeline.id)
        open_runs, latest = [run for run in runs if not run.is_over], runs[-1] if runs else None
        key = ReporterKey(pipeline.id, update.effective_reporter.name or "")
        earlier = self._find_answer(update, pipeline.id, open_runs, latest) or self._find_repeat(update, key)
        if earlier is not None:
            return earlier
        last = self.last_reports.get(key)
        last_seq = last.report.seq if last is not None else None
        reporter = update.effective_reporter
        placement = place_report(update.report, reporter, last_seq, pipeline.definition, open_runs, latest)
        if placement.opens_run and pipeline.activation.is_archived:
            return ReportResult(ReportOutcome.REFUSED, describe_archived(pipeline.name), problem="archived")
        run = await self._open_run(update, pipeline, open_runs) if placement.opens_run else placement.run
        if run is None:
            return _refuse_report_without_run(update, pipeline)
        result = self.batch.judge(run, update, PlacedReport(last_seq, placement.opens_run))
        if result.applied:
            seqs = [seq for seq in (last_seq, update.report.seq) if seq is not None]
            self.last_reports[key] = LastReport(TakenReport(update.digest, run.id, max(seqs, default=None)), seconds_ago=0.0)
            self._reporters.add(key)
        return result

    def _list_runs(self, pipeline_id: int) -> list[Run]:
        """Return the active runs and the latest one, by number, with those that this batch opened."""
        recent = self.recent[pipeline_id]
        ids = sorted({*recent.active, *recent.newest[:1]})
        return [*(self.batch.runs[run_id] for run_id in ids), *self._opened.get(pipeline_id, [])]

    def _find_answer(self, update: StatusUpdate, pipeline_id: int, open_runs: list[Run], latest: Run | None) -> ReportResult | None:
        """Return the stored answer of a report whose event id was answered before.

        In older runs the whole report has to be the same, since a machine may use its event ids again.
        """
        if update.event_id is None:
            return None
        current = [run.id for run in (*open_runs, latest) if run is not None]
        for run_id in current:
            if (receipt := self.batch.receipts.get(make_receipt_key(update, run_id))) is not None:
                return answer_from_receipt(receipt, update)
        older = [run.id for run in self._opened.get(pipeline_id, [])] + list(self.recent[pipeline_id].newest)
        for run_id in older:
            receipt = self.batch.receipts.get(make_receipt_key(update, run_id))
            if receipt is not None and receipt.digest == update.digest:
                return ReportResult.from_json(receipt.answer)
        return None

    def _find_repeat(self, update: StatusUpdate, key: ReporterKey) -> ReportResult | None:
        """Return the result of a report that repeats the reporter's last one."""
        last = self.last_reports.get(key)
        if last is None or not is_repeat(last.report.digest == update.digest, last.seconds_ago):
            return None
        sentence = f"The same report arrived {last.seconds_ago:.0f} seconds ago. If both count, set a different event_id in each."
        return ReportResult(ReportOutcome.IGNORED, sentence, last.report.run_id, status=update.report.status)

    async def _open_run(self, update: StatusUpdate, pipeline: StoredPipeline, open_runs: list[Run]) -> Run:
        """Open the next run. Older open runs that a report opened are superseded."""
        if pipeline.id not in self.locked_pipeline_ids:
            raise PipelineLocksNeeded(frozenset({pipeline.id}))
        trigger = Trigger(REPORT, update.effective_reporter.name)
        run = await open_reported_run(self.work, pipeline, TriggerCommand(pipeline.id, {}, trigger), self.schemas, self.clock)
        supersede_older_runs(open_runs, run.number, self.batch.now)
        self.batch.runs[run.id] = run
        self._opened.setdefault(pipeline.id, []).append(run)
        return run


def _refuse_report_without_run(update: StatusUpdate, pipeline: StoredPipeline) -> ReportResult:
    definition, stage = pipeline.definition, update.report.stage
    if stage is not None and definition.stage(stage) is None:
        sentence = f"{pipeline.name} has no stage named {stage:.100}."
        facts = {"stages": [each.name for each in definition.stages]}
        return ReportResult(ReportOutcome.REFUSED, sentence, problem="unknown_stage", facts=facts)
    roots = format_names([each.name for each in definition.stages if not each.needs], last="or")
    return _refuse_without_run(f"{pipeline.name} has no runs yet. A report with status running, or about {roots}, opens the first one.")


def _refuse_without_run(sentence: str) -> ReportResult:
    return ReportResult(ReportOutcome.REFUSED, sentence, problem="no_run")
