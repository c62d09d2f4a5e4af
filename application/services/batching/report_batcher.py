"""Batches the status reports of many clients."""

from collections.abc import Sequence

from application.commands.reports.report_results import ReportResult, ReportResults
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from application.ports.persistence.idempotency import IdempotencyKey
from application.services.batching.batcher import MAX_BATCH_SIZE, MAX_WAITING, Batcher


class ReportBatcher:
    """Has the interface of `ReportStatus`. Single reports share transactions; lists and reports with an idempotency key do not."""

    def __init__(self, report_status: ReportStatus, max_batch_size: int = MAX_BATCH_SIZE, max_waiting: int = MAX_WAITING) -> None:
        self._report_status = report_status
        self._batcher: Batcher[StatusUpdate, ReportResult] = Batcher(
            report_status, lambda update: update.run_id or update.pipeline, max_batch_size, max_waiting
        )

    async def __call__(self, updates: Sequence[StatusUpdate], key: IdempotencyKey | None = None) -> ReportResults:
        if key is not None or len(updates) != 1:
            return await self._report_status(updates, key)
        return ReportResults([await self._batcher.submit(updates[0])])

    async def drain(self) -> None:
        """Return once all submitted reports are answered."""
        await self._batcher.drain()
