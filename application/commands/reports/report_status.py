"""Take status updates from workers and from any other machine: a list of them, in one transaction, each judged on its own."""

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
    """Judge updates in order, store what they change, and answer each; nothing is answered before the commit.

    Items are independent: a refusal of one is its answer, not an error of the list. With a key, the answers are those given to an
    earlier list with the same key, if there was one: IdempotencyKeyReused, Conflict `in_progress`.
    """

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, updates: Sequence[StatusUpdate], key: IdempotencyKey | None = None) -> ReportResults:
        if key is not None:
            return await self._once(updates, key)
        answers: list[ReportResult | None] = [None] * len(updates)
        while left := [place for place, answer in enumerate(answers) if answer is None]:
            for place, answer in zip(left, await self.process_batch([updates[place] for place in left]), strict=True):
                answers[place] = answer
        return ReportResults(answer for answer in answers if answer is not None)

    async def process_batch(self, updates: Sequence[StatusUpdate]) -> list[ReportResult | None]:
        """One transaction. None, to be asked again: an update that names no run, behind one that ended a run of its pipeline, and
        what is about that pipeline behind it. The first is always answered."""
        updates = [update.apply_token_scope() for update in updates]
        async with self.open_unit_of_work() as work:
            batch, targets = await self._load_batch(work, updates)
            answers = [batch.answer(update, target) for update, target in zip(updates, targets, strict=True)]
            changed = await batch.store()
            await work.commit()
        self.wakeups.notify_committed(changed)
        return answers

    async def _once(self, updates: Sequence[StatusUpdate], key: IdempotencyKey) -> ReportResults:
        """One transaction, since all the answers are stored together."""
        updates = [update.apply_token_scope() for update in updates]
        async with self.open_unit_of_work() as work:
            if (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return ReportResults((ReportResult.from_json(answer) for answer in stored["answers"]), replayed=True)
            batch, targets = await self._load_batch(work, updates)
            answers = ReportResults(batch.judged(update, target) for update, target in zip(updates, targets, strict=True))
            changed = await batch.store()
            await work.idempotency.add(key, {"answers": [answer.as_json() for answer in answers]})
            await work.commit()
        self.wakeups.notify_committed(changed)
        return answers

    async def _load_batch(self, work: UnitOfWork, updates: Sequence[StatusUpdate]) -> "tuple[ReportBatch, list[ReportTarget]]":
        ids = [update.run_id for update in updates if update.run_id is not None]
        if len(ids) == len(updates):
            return await self._load_batch_by_run_id(work, updates, sorted(set(ids)))
        targets = await ReportTargetFinder(work, self.schemas, self.clock).find(updates)
        taken = await work.load_for_update(sorted({target.run_id for target in targets if target.run_id}), _keys(updates, targets))
        return await ReportBatch.load(work, updates, targets, self.clock, taken), targets

    async def _load_batch_by_run_id(
        self, work: UnitOfWork, updates: Sequence[StatusUpdate], ids: Sequence[int]
    ) -> "tuple[ReportBatch, list[ReportTarget]]":
        """Each says which run it is about, so all there is to know is asked at once."""
        refs = {update.pipeline for update in updates if update.pipeline is not None}
        keys = [make_receipt_key(update, update.run_id or 0) for update in updates if update.event_id is not None]
        taken = await work.load_for_update(ids, keys, refs)
        targets = await ReportTargetFinder(work, self.schemas, self.clock, taken.pipelines).find(updates)
        return await ReportBatch.load(work, updates, targets, self.clock, taken), targets


def _keys(updates: Sequence[StatusUpdate], targets: Sequence[ReportTarget]) -> list[ReceiptKey]:
    pairs = zip(updates, targets, strict=True)
    return [make_receipt_key(update, target.run_id) for update, target in pairs if target.run_id and update.event_id is not None]
