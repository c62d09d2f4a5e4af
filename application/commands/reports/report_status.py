"""Judge status updates from workers and other machines."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.commands.reports.find_report_target import ReportTarget, ReportTargetFinder, make_receipt_key
from application.commands.reports.report_batch import ReportBatch
from application.commands.reports.report_results import ReportResult, ReportResults
from application.commands.reports.status_update import StatusUpdate
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.receipts import ReceiptKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.ports.system.parameter_schemas import ParameterSchemas


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
        if key is not None:
            return await self._process_once(updates, key)
        results: list[ReportResult | None] = [None] * len(updates)
        while pending := [index for index, result in enumerate(results) if result is None]:
            batch = await self.process_batch([updates[index] for index in pending])
            for index, result in zip(pending, batch, strict=True):
                results[index] = result
        return ReportResults(result for result in results if result is not None)

    async def process_batch(self, updates: Sequence[StatusUpdate]) -> list[ReportResult | None]:
        """Process the updates in one transaction.

        The result of an update is None if it must be processed again: it names no run and an update before it ended a run of its pipeline,
        or it follows such an update of the same pipeline. The first update always has a result.
        """
        updates = [update.apply_token_scope() for update in updates]
        async with self.open_unit_of_work() as work:
            batch, targets = await self._load_batch(work, updates)
            results = [batch.judge_or_postpone(update, target) for update, target in zip(updates, targets, strict=True)]
            changed = await batch.store()
            await work.commit()
        self.wakeups.notify_committed(changed)
        return results

    async def _process_once(self, updates: Sequence[StatusUpdate], key: IdempotencyKey) -> ReportResults:
        """Process the updates in one transaction, together with the stored results of the key."""
        updates = [update.apply_token_scope() for update in updates]
        async with self.open_unit_of_work() as work:
            if (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return ReportResults((ReportResult.from_json(result) for result in stored["answers"]), replayed=True)
            batch, targets = await self._load_batch(work, updates)
            results = ReportResults(batch.judge(update, target) for update, target in zip(updates, targets, strict=True))
            changed = await batch.store()
            await work.idempotency.add(key, {"answers": [result.as_json() for result in results]})
            await work.commit()
        self.wakeups.notify_committed(changed)
        return results

    async def _load_batch(self, work: UnitOfWork, updates: Sequence[StatusUpdate]) -> "tuple[ReportBatch, list[ReportTarget]]":
        """Find the targets of the updates, and lock their runs."""
        run_ids = [update.run_id for update in updates if update.run_id is not None]
        if len(run_ids) == len(updates):
            return await self._load_batch_by_run_id(work, updates, sorted(set(run_ids)))
        targets = await ReportTargetFinder(work, self.schemas, self.clock).find(updates)
        loaded = await work.load_for_update(sorted({target.run_id for target in targets if target.run_id}), _receipt_keys(updates, targets))
        return await ReportBatch.load(work, updates, targets, self.clock.now(), loaded), targets

    async def _load_batch_by_run_id(
        self, work: UnitOfWork, updates: Sequence[StatusUpdate], run_ids: Sequence[int]
    ) -> "tuple[ReportBatch, list[ReportTarget]]":
        """Load runs, receipts and pipelines in one round trip, as every update names its run."""
        refs = {update.pipeline for update in updates if update.pipeline is not None}
        keys = [make_receipt_key(update, update.run_id or 0) for update in updates if update.event_id is not None]
        loaded = await work.load_for_update(run_ids, keys, refs)
        targets = await ReportTargetFinder(work, self.schemas, self.clock, loaded.pipelines).find(updates)
        return await ReportBatch.load(work, updates, targets, self.clock.now(), loaded), targets


def _receipt_keys(updates: Sequence[StatusUpdate], targets: Sequence[ReportTarget]) -> list[ReceiptKey]:
    pairs = zip(updates, targets, strict=True)
    return [make_receipt_key(update, target.run_id) for update, target in pairs if target.run_id and update.event_id is not None]
