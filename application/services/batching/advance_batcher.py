"""Batches the steps of many dispatches."""

from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceDispatch, AdvanceResult
from application.services.batching.batcher import Batcher

MAX_BATCH_SIZE = 64


class AdvanceBatcher:
    """Has the interface of `AdvanceDispatch`. Steps of different dispatches share transactions."""

    def __init__(self, advance_dispatch: AdvanceDispatch) -> None:
        self._batcher: Batcher[AdvanceCommand, AdvanceResult] = Batcher(
            advance_dispatch.process_batch, lambda step: step.run_id, max_batch_size=MAX_BATCH_SIZE
        )

    async def __call__(self, step: AdvanceCommand) -> AdvanceResult:
        return await self._batcher.submit(step)

    async def drain(self) -> None:
        """Return once all submitted steps are answered."""
        await self._batcher.drain()
