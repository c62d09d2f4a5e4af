"""Judge status updates from workers and other machines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from application.commands.reports.find_report_target import ReportTarget, find_report_target, make_receipt_key
from application.commands.reports.report_batch import ReportBatch
from application.commands.reports.report_placer import PipelineLocksNeeded, ReportPlacer
from application.commands.reports.report_results import ReportResult, ReportResults
from application.commands.reports.status_update import StatusUpdate
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.reporters import ReporterKey
from application.ports.persistence.runs import RecentRuns
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class ReportStatus:
    """Judge updates in order, and commit what they change before returning their results.

    Updates are independent: a refused one has a refused result and does not affect the others. With a key, a repeated list gets the results
    of the first one. Raises IdempotencyKeyReused, or Conflict `in_progress`.
    """

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, updates: Sequence[StatusUpdate], key: IdempotencyKey | None = None) -> ReportResults:
        updates = [update.apply_token_scope() for update in updates]
        locked_pipeline_ids: frozenset[int] = frozenset()
        while True:
            try:
                results, changed = await self._process(updates, key, locked_pipeline_ids)
            except PipelineLocksNeeded as needed:
                locked_pipeline_ids |= needed.pipeline_ids
            else:
                self.wakeups.notify_committed(changed)
                return results

    async def _process(
        self, updates: Sequence[StatusUpdate], key: IdempotencyKey | None, locked_pipeline_ids: frozenset[int]
    ) -> tuple[ReportResults, Sequence[Run]]:
        """Process the updates in one transaction, together with the stored results of the key. Returns the runs that changed, too."""
        async with self.open_unit_of_work() as work:
            if key is not None and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return ReportResults((ReportResult.from_json(result) for result in stored["answers"]), replayed=True), ()
            if all(update.run_id is not None for update in updates):
                results, changed = await self._judge_named(work, updates)
            else:
                results, changed = await self._judge_all(work, updates, locked_pipeline_ids)
            if key is not None:
                await work.idempotency.add(key, {"answers": [result.as_json() for result in results]})
            await work.commit()
        return results, changed

    async def _judge_named(self, work: UnitOfWork, updates: Sequence[StatusUpdate]) -> tuple[ReportResults, Sequence[Run]]:
        """Judge updates that all name their run: runs, receipts and pipelines are read in one round trip."""
        refs = {update.pipeline for update in updates if update.pipeline is not None}
        run_ids = sorted({update.run_id for update in updates if update.run_id is not None})
        keys = [make_receipt_key(update, update.run_id or 0) for update in updates if update.event_id is not None]
        loaded = await work.load_for_update(run_ids, keys, refs)
        reporters = [(update.run_id or 0, update) for update in updates]
        batch = ReportBatch(loaded.runs, loaded.receipts, await _load_last_seqs(work, reporters), self.clock.now())
        targets = [find_report_target(update, loaded.pipelines) for update in updates]
        results = ReportResults(target.result or batch.judge_named(update, target) for update, target in zip(updates, targets, strict=True))
        return results, await batch.store(work)

    async def _judge_all(
        self, work: UnitOfWork, updates: Sequence[StatusUpdate], locked_pipeline_ids: frozenset[int]
    ) -> tuple[ReportResults, Sequence[Run]]:
        pipelines = await _find_pipelines(work, updates, locked_pipeline_ids)
        targets = [find_report_target(update, pipelines) for update in updates]
        searched = {pipeline.id: pipeline for target in targets if (pipeline := target.pipeline_to_search) is not None}
        recent = await work.runs.find_recent(searched) if searched else {}
        pairs = [pair for update, target in zip(updates, targets, strict=True) for pair in _list_candidates(update, target, recent)]
        run_ids = {target.run_id for target in targets if target.run_id is not None}
        run_ids |= {run_id for pipeline in searched.values() for run_id in _list_runs_to_lock(pipeline, recent[pipeline.id])}
        keys = [make_receipt_key(update, run_id) for run_id, update in pairs if update.event_id is not None]
        loaded = await work.load_for_update(sorted(run_ids), keys)
        batch = ReportBatch(loaded.runs, loaded.receipts, await _load_last_seqs(work, pairs), self.clock.now())
        last_reports = dict(await work.reporters.find(_list_reporters(updates, targets)))
        placer = ReportPlacer(work, batch, self.schemas, self.clock, recent, last_reports, locked_pipeline_ids)
        results = await _judge_in_order(batch, placer, updates, targets)
        await placer.store()
        return results, await batch.store(work)


async def _judge_in_order(
    batch: ReportBatch, placer: ReportPlacer, updates: Sequence[StatusUpdate], targets: Sequence[ReportTarget]
) -> ReportResults:
    """Return the results. Raises PipelineLocksNeeded with all pipelines to lock, as many jobs begin in the same second."""
    results, to_lock = ReportResults(), frozenset[int]()
    for update, target in zip(updates, targets, strict=True):
        try:
            results.append(await _judge(batch, placer, update, target))
        except PipelineLocksNeeded as needed:
            to_lock |= needed.pipeline_ids
    if to_lock:
        raise PipelineLocksNeeded(to_lock)
    return results


async def _judge(batch: ReportBatch, placer: ReportPlacer, update: StatusUpdate, target: ReportTarget) -> ReportResult:
    if target.result is not None:
        return target.result
    pipeline = target.pipeline_to_search
    return batch.judge_named(update, target) if pipeline is None else await placer.judge(update, pipeline)


async def _find_pipelines(
    work: UnitOfWork, updates: Sequence[StatusUpdate], locked_pipeline_ids: frozenset[int]
) -> dict[PipelineRef, StoredPipeline]:
    """Return the pipelines that updates name. Those to lock are locked by ascending id, and read after the lock."""
    pipelines = dict(await work.pipelines.find_many({update.pipeline for update in updates if update.pipeline is not None}))
    for pipeline_id in sorted(locked_pipeline_ids):
        locked = await work.pipelines.find(pipeline_id, lock=True)
        if locked is not None:
            pipelines |= {ref: locked for ref, pipeline in pipelines.items() if pipeline.id == pipeline_id}
    return pipelines


def _list_runs_to_lock(pipeline: StoredPipeline, recent: RecentRuns) -> Iterable[int]:
    """Return the runs that a report on the pipeline may belong to: the active ones and the latest. None if it is ambiguous."""
    if len(recent.active) > 1 and not pipeline.definition.is_all_external:
        return ()
    return {*recent.active, *recent.newest[:1]}


def _list_candidates(update: StatusUpdate, target: ReportTarget, recent: Mapping[int, RecentRuns]) -> Iterable[tuple[int, StatusUpdate]]:
    """Return the update with each run that may have answered it before."""
    if target.run_id is not None:
        return [(target.run_id, update)]
    pipeline = target.pipeline_to_search
    if pipeline is None:
        return ()
    return [(run_id, update) for run_id in sorted({*recent[pipeline.id].active, *recent[pipeline.id].newest})]


def _list_reporters(updates: Sequence[StatusUpdate], targets: Sequence[ReportTarget]) -> list[ReporterKey]:
    """Return the reporters on pipelines whose runs they open."""
    pairs = [(update, target.pipeline_to_search) for update, target in zip(updates, targets, strict=True)]
    named = [(update, pipeline) for update, pipeline in pairs if pipeline is not None and pipeline.definition.is_all_external]
    return sorted({ReporterKey(pipeline.id, update.effective_reporter.name or "") for update, pipeline in named})


async def _load_last_seqs(work: UnitOfWork, candidates: Iterable[tuple[int, StatusUpdate]]) -> dict[tuple[int, str], int]:
    reporters = [(run_id, update.effective_reporter.name) for run_id, update in candidates if update.report.seq is not None]
    named = sorted({(run_id, name) for run_id, name in reporters if name is not None})
    return dict(await work.receipts.last_seqs(named)) if named else {}
