"""Reports of many callers, steps of many dispatches, and many triggers, each in one transaction."""

from collections.abc import Sequence

from application.commands.reports.report_results import ReportResult, ReportResults
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from application.ports.persistence.idempotency import IdempotencyKey
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
