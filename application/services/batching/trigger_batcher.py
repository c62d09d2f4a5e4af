"""Batches the triggers of a pipeline."""

from application.commands.runs.run_opener import TriggerCommand
from application.commands.runs.trigger_pipeline import TriggerPipeline, TriggerResult
from application.ports.persistence.pipelines import PipelineRef
from application.services.batching.batcher import Batcher

MAX_BATCH_SIZE = 32


class TriggerBatcher:
    """Has the interface of `TriggerPipeline`. Each pipeline has its own batcher, so that none waits for another's row lock.

    Triggers with an idempotency key are not batched.
    """

    def __init__(self, trigger_pipeline: TriggerPipeline) -> None:
        self._trigger_pipeline = trigger_pipeline
        self._batchers: dict[PipelineRef, Batcher[TriggerCommand, TriggerResult]] = {}

    async def __call__(self, command: TriggerCommand) -> TriggerResult:
        if command.key is not None:
            return await self._trigger_pipeline(command)
        ref = command.pipeline
        batcher = self._batchers.get(ref)
        if batcher is None:
            process_batch = self._trigger_pipeline.process_batch
            batcher = self._batchers[ref] = Batcher(process_batch, lambda trigger: trigger.pipeline, max_batch_size=MAX_BATCH_SIZE)
        try:
            return await batcher.submit(command)
        finally:
            if batcher.is_idle and self._batchers.get(ref) is batcher:
                del self._batchers[ref]

    async def drain(self) -> None:
        """Return once all submitted triggers are answered."""
        for batcher in list(self._batchers.values()):
            await batcher.drain()
