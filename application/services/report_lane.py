"""Reports of many callers, steps of many bursts, and many triggers, each in one transaction."""

from collections.abc import Sequence

from application.commands.carry_burst import Advance, AdvanceBurst, Advanced
from application.commands.report_status import ReportStatus
from application.commands.status_update import StatusUpdate
from application.commands.trigger_pipeline import TriggerCommand, Triggered, TriggerPipeline
from application.commands.verdicts import Answer, Answers
from application.ports.persistence import IdempotencyKey, PipelineRef
from application.services.lane import BATCH, WAITING, Lane


class ReportLane:
    """Called like `ReportStatus`, and answers as that does. Lists of many, and lists with a key, pass beside the lane."""

    def __init__(self, report_status: ReportStatus, batch: int = BATCH, waiting: int = WAITING) -> None:
        self._report_status = report_status
        self._lane: Lane[StatusUpdate, Answer] = Lane(
            report_status.sit, lambda update: update.run_id or update.pipeline, batch=batch, waiting=waiting
        )

    async def __call__(self, updates: Sequence[StatusUpdate], key: IdempotencyKey | None = None) -> Answers:
        if key is not None or len(updates) != 1:
            return await self._report_status(updates, key)
        return Answers([await self._lane.ride(updates[0])])

    async def drain(self) -> None:
        """Return once nothing waits any more."""
        await self._lane.drain()


class AdvanceLane:
    """Called like `AdvanceBurst`, and answers as that does."""

    def __init__(self, advance_burst: AdvanceBurst) -> None:
        self._lane: Lane[Advance, Advanced] = Lane(advance_burst.sit, lambda step: step.run_id, batch=64)

    async def __call__(self, step: Advance) -> Advanced:
        return await self._lane.ride(step)

    async def drain(self) -> None:
        """Return once nothing waits any more."""
        await self._lane.drain()


class TriggerLane:
    """Called like `TriggerPipeline`, and answers as that does. A lane a pipeline: none waits for a row of another.

    What has a key passes beside.
    """

    def __init__(self, trigger_pipeline: TriggerPipeline) -> None:
        self._trigger_pipeline = trigger_pipeline
        self._lanes: dict[PipelineRef, Lane[TriggerCommand, Triggered]] = {}

    async def __call__(self, command: TriggerCommand) -> Triggered:
        if command.key is not None:
            return await self._trigger_pipeline(command)
        ref = command.pipeline
        lane = self._lanes.get(ref)
        if lane is None:
            lane = self._lanes[ref] = Lane(self._trigger_pipeline.sit, lambda each: each.pipeline, batch=32)
        try:
            return await lane.ride(command)
        finally:
            if lane.is_idle and self._lanes.get(ref) is lane:
                del self._lanes[ref]

    async def drain(self) -> None:
        """Return once nothing waits any more."""
        for lane in list(self._lanes.values()):
            await lane.drain()
