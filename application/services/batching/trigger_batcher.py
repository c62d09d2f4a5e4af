"""TODO."""

from application.commands.runs.trigger_pipeline import TriggerCommand, TriggerPipeline, TriggerResult
from application.ports.persistence.pipelines import PipelineRef
from application.services.batching.batcher import Batcher


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
