"""Reports of many callers, steps of many dispatches, and many triggers, each in one transaction."""

from collections.abc import Sequence

from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceDispatch, AdvanceResult
from application.commands.reports.report_results import ReportResult, ReportResults
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.trigger_pipeline import TriggerCommand, TriggerPipeline, TriggerResult
from application.ports.persistence.unit_of_work import IdempotencyKey, PipelineRef
from application.services.batching.batcher import MAX_BATCH_SIZE, MAX_WAITING, Batcher


class ReportBatcher:
    """Called like `ReportStatus`, and answers as that does. Lists of many, and lists with a key, pass beside the lane."""

    def __init__(self, report_status: ReportStatus, batch: int = MAX_BATCH_SIZE, waiting: int = MAX_WAITING) -> None:
        self._report_status = report_status
        self._batcher: Batcher[StatusUpdate, ReportResult] = Batcher(
            report_status.process_batch, lambda update: update.run_id or update.pipeline, batch=batch, waiting=waiting
        )

    async def __call__(self, updates: Sequence[StatusUpdate], key: IdempotencyKey | None = None) -> ReportResults:
        if key is not None or len(updates) != 1:
            return await self._report_status(updates, key)
        return ReportResults([await self._batcher.submit(updates[0])])

    async def drain(self) -> None:
        """Return once nothing waits any more."""
        await self._batcher.drain()


class AdvanceBatcher:
    """Called like `AdvanceDispatch`, and answers as that does."""

    def __init__(self, advance_dispatch: AdvanceDispatch) -> None:
        self._batcher: Batcher[AdvanceCommand, AdvanceResult] = Batcher(advance_dispatch.process_batch, lambda step: step.run_id, batch=64)

    async def __call__(self, step: AdvanceCommand) -> AdvanceResult:
        return await self._batcher.submit(step)

    async def drain(self) -> None:
        """Return once nothing waits any more."""
        await self._batcher.drain()


class TriggerBatcher:
    """Called like `TriggerPipeline`, and answers as that does. A lane a pipeline: none waits for a row of another.

    What has a key passes beside.
    """

    def __init__(self, trigger_pipeline: TriggerPipeline) -> None:
        self._trigger_pipeline = trigger_pipeline
        self._batchers: dict[PipelineRef, Batcher[TriggerCommand, TriggerResult]] = {}

    async def __call__(self, command: TriggerCommand) -> TriggerResult:
        if command.key is not None:
            return await self._trigger_pipeline(command)
        ref = command.pipeline
        lane = self._batchers.get(ref)
        if lane is None:
            lane = self._batchers[ref] = Batcher(self._trigger_pipeline.process_batch, lambda each: each.pipeline, batch=32)
        try:
            return await lane.submit(command)
        finally:
            if lane.is_idle and self._batchers.get(ref) is lane:
                del self._batchers[ref]

    async def drain(self) -> None:
        """Return once nothing waits any more."""
        for lane in list(self._batchers.values()):
            await lane.drain()
