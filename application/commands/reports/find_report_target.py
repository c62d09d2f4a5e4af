"""Which run a status update is about, when it does not say; and which open one (DESIGN §5)."""

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
from domain.runs.status import Status
from domain.runs.trigger import Trigger
from domain.value_object import value_object

WRONG_PIPELINE_RESULT = ReportResult(403, False, "This token may report about one pipeline, and this is another.", problem="token_scope")


@value_object
class ReportTarget:
    """The run an update is judged against, or the answer it gets without one. `opened`: this very update opened the run.

    `guessed_of`: the pipeline whose runs' standing the target was told by, since the update names no run.
    """

    run_id: int | None = None
    answer: ReportResult | None = None
    opened: bool = False
    inferred_from_pipeline_id: int | None = None


@dataclass(slots=True)
class ReportTargetFinder:
    """Finds targets in the order of the updates; locks pipelines by id before any run is locked."""

    work: UnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    pipelines: dict[PipelineRef, StoredPipeline] = field(default_factory=dict)
    active: dict[int, list[int]] = field(default_factory=dict)
    answered: set[ReceiptKey] = field(default_factory=set)
    """What will have been answered by the time the next update is judged."""

    async def find(self, updates: Sequence[StatusUpdate]) -> list[ReportTarget]:
        refs = {update.pipeline for update in updates if update.pipeline is not None}
        if refs - self.pipelines.keys():
            self.pipelines = dict(await self.work.pipelines.find_many(refs))
        await self._look_for_active_runs(updates)
        targets = []
        for update in updates:
            target = self._told(update)
            targets.append(target := target if target is not None else await self._guess(update))
            if update.event_id is not None and target.run_id is not None:
                self.answered.add(make_receipt_key(update, target.run_id))
        return targets

    async def _look_for_active_runs(self, updates: Sequence[StatusUpdate]) -> None:
        unnamed = [update for update in updates if update.run_id is None]
        asked = {pipeline.id: pipeline for update in unnamed if (pipeline := self._pipeline_of(update)) is not None}
        if not asked:
            return
        self.active = dict(await self.work.runs.active_ids(asked))
        for id, pipeline in sorted(asked.items()):
            openers = any(self._is_about(update, id) and _may_open(update, pipeline) for update in unnamed)
            if openers and not self.active[id]:
                await self.work.pipelines.find(id, lock=True)
                self.active |= await self.work.runs.active_ids([id])

    def _is_about(self, update: StatusUpdate, pipeline_id: int) -> bool:
        pipeline = self._pipeline_of(update)
        return pipeline is not None and pipeline.id == pipeline_id

    def _pipeline_of(self, update: StatusUpdate) -> StoredPipeline | None:
        return self.pipelines.get(update.pipeline) if update.pipeline is not None else None

    def _told(self, update: StatusUpdate) -> ReportTarget | None:
        """What the update says itself; None when it is to be guessed from its pipeline."""
        pipeline = self._pipeline_of(update)
        if update.pipeline is not None and pipeline is None:
            return _refused(404, "not_found", f"There is no pipeline {update.pipeline!s:.120}.")
        if pipeline is not None and update.token_reporter is not None and not update.token_reporter.can_report_on(pipeline.id):
            return ReportTarget(answer=WRONG_PIPELINE_RESULT)
        if update.run_id is not None:
            return ReportTarget(update.run_id)
        if pipeline is None:
            return _refused(422, "invalid", "pipeline_id or run_id is needed.")
        return None

    async def _guess(self, update: StatusUpdate) -> ReportTarget:
        pipeline = self._pipeline_of(update)
        assert pipeline is not None
        return replace(await self._guess_of(update, pipeline), inferred_from_pipeline_id=pipeline.id)

    async def _guess_of(self, update: StatusUpdate, pipeline: StoredPipeline) -> ReportTarget:
        active = self.active[pipeline.id]
        if len(active) > 1:
            sentence = f"{pipeline.name} has {len(active)} runs under way; say which one by run_id."
            return _refused(409, "several_runs", sentence, {"runs": active})
        if active:
            return ReportTarget(active[0])
        return await self._without_active_run(update, pipeline)

    async def _without_active_run(self, update: StatusUpdate, pipeline: StoredPipeline) -> ReportTarget:
        latest = await self.work.runs.latest_id(pipeline.id)
        if _may_open(update, pipeline) and not await self._was_answered(update, latest):
            trigger = Trigger("report", update.effective_reporter.name)
            run = await open_run(self.work, pipeline, TriggerCommand(pipeline.id, {}, trigger), self.schemas, self.clock)
            self.active[pipeline.id] = [run.id]
            return ReportTarget(run.id, opened=True)
        if latest is not None:
            return ReportTarget(latest)
        how = (
            f"report it running first: POST /status-update/ with pipeline_id {pipeline.name} and status running."
            if pipeline.definition.is_all_external
            else f"trigger it first: POST /trigger/{pipeline.name}."
        )
        return _refused(409, "no_run", f"{pipeline.name} has never run; {how}")

    async def _was_answered(self, update: StatusUpdate, latest: int | None) -> bool:
        if update.event_id is None or latest is None:
            return False
        key = make_receipt_key(update, latest)
        return key in self.answered or bool(await self.work.receipts.find([key]))


def make_receipt_key(update: StatusUpdate, run_id: int) -> ReceiptKey:
    return ReceiptKey(run_id, update.effective_reporter.name or "", update.event_id or "")


def _may_open(update: StatusUpdate, pipeline: StoredPipeline) -> bool:
    """True for `running` about the run, or about a stage that needs nothing, of a pipeline that machines elsewhere drive alone."""
    if update.report.status is not Status.RUNNING or not pipeline.definition.is_all_external:
        return False
    if update.report.stage is None:
        return True
    stage = pipeline.definition.stage(update.report.stage)
    return stage is not None and not stage.needs


def _refused(http_status: int, problem: str, why: str, facts: dict[str, object] | None = None) -> ReportTarget:
    return ReportTarget(answer=ReportResult(http_status, False, why, problem=problem, facts=facts or {}))
