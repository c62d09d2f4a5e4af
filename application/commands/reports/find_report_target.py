"""Find the run that a status update is about, and start one if the update may do so (DESIGN §5)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from application.commands.reports.report_results import ReportResult
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.trigger_pipeline import TriggerCommand, open_run
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.receipts import ReceiptKey
from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.system.clock import Clock
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.reports.report import ReportOutcome
from domain.runs.status import Status
from domain.runs.trigger import Trigger
from domain.value_object import value_object

WRONG_PIPELINE = ReportResult(
    ReportOutcome.FORBIDDEN, "This token may report on one pipeline only, and this is another one.", problem="token_scope"
)


@value_object
class ReportTarget:
    """The run that an update is about, or the result of an update that has no run.

    `opened` is True if this update started the run. `inferred_from_pipeline_id` is the pipeline whose active run was chosen, for an update
    that names no run.
    """

    run_id: int | None = None
    result: ReportResult | None = None
    opened: bool = False
    inferred_from_pipeline_id: int | None = None


@dataclass(slots=True)
class ReportTargetFinder:
    """Finds the targets of a list of updates, in order. It locks pipelines, by ascending id, before any run is locked.

    `active_run_ids` lists the runs that are not over, by pipeline id. `answered` are the receipt keys of the updates before the current
    one.
    """

    work: UnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    pipelines: dict[PipelineRef, StoredPipeline] = field(default_factory=dict)
    active_run_ids: dict[int, list[int]] = field(default_factory=dict)
    answered: set[ReceiptKey] = field(default_factory=set)

    async def find(self, updates: Sequence[StatusUpdate]) -> list[ReportTarget]:
        refs = {update.pipeline for update in updates if update.pipeline is not None}
        if refs - self.pipelines.keys():
            self.pipelines = dict(await self.work.pipelines.find_many(refs))
        await self._load_active_runs(updates)
        targets = []
        for update in updates:
            target = self._get_named_target(update)
            if target is None:
                target = await self._infer_target(update)
            targets.append(target)
            if update.event_id is not None and target.run_id is not None:
                self.answered.add(make_receipt_key(update, target.run_id))
        return targets

    async def _load_active_runs(self, updates: Sequence[StatusUpdate]) -> None:
        """Load the active runs of pipelines that updates name without a run; lock the pipelines that may get a new run."""
        without_run = [update for update in updates if update.run_id is None]
        pipelines = {pipeline.id: pipeline for update in without_run if (pipeline := self._find_pipeline(update)) is not None}
        if not pipelines:
            return
        self.active_run_ids = dict(await self.work.runs.active_ids(pipelines))
        for id, pipeline in sorted(pipelines.items()):
            may_open = any(self._is_about(update, id) and _may_open_run(update, pipeline) for update in without_run)
            if may_open and not self.active_run_ids[id]:
                await self.work.pipelines.find(id, lock=True)
                self.active_run_ids |= await self.work.runs.active_ids([id])

    def _is_about(self, update: StatusUpdate, pipeline_id: int) -> bool:
        pipeline = self._find_pipeline(update)
        return pipeline is not None and pipeline.id == pipeline_id

    def _find_pipeline(self, update: StatusUpdate) -> StoredPipeline | None:
        return self.pipelines.get(update.pipeline) if update.pipeline is not None else None

    def _get_named_target(self, update: StatusUpdate) -> ReportTarget | None:
        """Return the run that the update names, or a refusal; None if the run must be inferred from the pipeline."""
        pipeline = self._find_pipeline(update)
        if update.pipeline is not None and pipeline is None:
            return _refuse(ReportOutcome.NOT_FOUND, "not_found", f"There is no pipeline {update.pipeline!s:.120}.")
        if pipeline is not None and update.token_reporter is not None and not update.token_reporter.can_report_on(pipeline.id):
            return ReportTarget(result=WRONG_PIPELINE)
        if update.run_id is not None:
            return ReportTarget(update.run_id)
        if pipeline is None:
            return _refuse(ReportOutcome.INVALID, "invalid", "pipeline_id or run_id is required.")
        return None

    async def _infer_target(self, update: StatusUpdate) -> ReportTarget:
        """Return the pipeline's only active run, else a new run if the update may start one, else the latest run."""
        pipeline = self._find_pipeline(update)
        assert pipeline is not None
        active = self.active_run_ids[pipeline.id]
        if len(active) > 1:
            sentence = f"{pipeline.name} has {len(active)} active runs; name one with run_id."
            target = _refuse(ReportOutcome.REFUSED, "several_runs", sentence, {"runs": active})
        elif active:
            target = ReportTarget(active[0])
        else:
            target = await self._find_or_open_run(update, pipeline)
        return replace(target, inferred_from_pipeline_id=pipeline.id)

    async def _find_or_open_run(self, update: StatusUpdate, pipeline: StoredPipeline) -> ReportTarget:
        latest = await self.work.runs.latest_id(pipeline.id)
        if _may_open_run(update, pipeline) and not await self._was_answered(update, latest):
            trigger = Trigger("report", update.effective_reporter.name)
            run = await open_run(self.work, pipeline, TriggerCommand(pipeline.id, {}, trigger), self.schemas, self.clock)
            self.active_run_ids[pipeline.id] = [run.id]
            return ReportTarget(run.id, opened=True)
        if latest is not None:
            return ReportTarget(latest)
        advice = "report status running first" if pipeline.definition.is_all_external else "trigger it first"
        return _refuse(ReportOutcome.REFUSED, "no_run", f"{pipeline.name} has no runs yet; {advice}.")

    async def _was_answered(self, update: StatusUpdate, latest_run_id: int | None) -> bool:
        if update.event_id is None or latest_run_id is None:
            return False
        key = make_receipt_key(update, latest_run_id)
        return key in self.answered or bool(await self.work.receipts.find([key]))


def make_receipt_key(update: StatusUpdate, run_id: int) -> ReceiptKey:
    return ReceiptKey(run_id, update.effective_reporter.name or "", update.event_id or "")


def _may_open_run(update: StatusUpdate, pipeline: StoredPipeline) -> bool:
    """Return True if the update reports `running` about the run, or about a stage without needs, and all stages are external."""
    if update.report.status is not Status.RUNNING or not pipeline.definition.is_all_external:
        return False
    if update.report.stage is None:
        return True
    stage = pipeline.definition.stage(update.report.stage)
    return stage is not None and not stage.needs


def _refuse(outcome: ReportOutcome, problem: str, why: str, facts: dict[str, object] | None = None) -> ReportTarget:
    return ReportTarget(result=ReportResult(outcome, why, problem=problem, facts=facts or {}))
