"""TODO."""

from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceDispatch, AdvanceResult
from application.services.batching.batcher import Batcher


class AdvanceBatcher:
    """Called like `AdvanceDispatch`, and answers as that does."""

    def __init__(self, advance_dispatch: AdvanceDispatch) -> None:
        self._batcher: Batcher[AdvanceCommand, AdvanceResult] = Batcher(advance_dispatch.process_batch, lambda step: step.run_id, batch=64)

    async def __call__(self, step: AdvanceCommand) -> AdvanceResult:
        return await self._batcher.submit(step)

    async def drain(self) -> None:
        """Return once nothing waits any more."""
        await self._batcher.drain()
