"""Answers given to reports with an event id, in memory."""

from datetime import datetime

from application.ports.persistence import Receipt
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import Refused


class FakeReceipts:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def find(self, run_id: int, reporter: str, event_id: str) -> Receipt | None:
        return (await self._transaction.turn()).receipts.get((run_id, reporter, event_id))

    async def add(self, run_id: int, reporter: str, event_id: str, receipt: Receipt, now: datetime) -> None:
        tx = await self._transaction.turn()
        self._require_run(run_id)
        key = (run_id, reporter, event_id)
        await tx.lock("receipt", *key)
        if key in tx.receipts:
            raise tx.spoil(Refused(f"event id {event_id} was answered already"))
        try:
            values.text(reporter)
            values.text(event_id)
            tx.receipts[key] = Receipt(bytes(receipt.digest), values.document(dict(receipt.answer)))
        except Refused as error:
            raise tx.spoil(error) from None

    async def last_seq(self, run_id: int, reporter: str) -> int | None:
        return (await self._transaction.turn()).reporters.get((run_id, reporter))

    async def set_last_seq(self, run_id: int, reporter: str, seq: int) -> None:
        tx = await self._transaction.turn()
        self._require_run(run_id)
        try:
            values.text(reporter)
            values.bigint(seq)
        except Refused as error:
            raise tx.spoil(error) from None
        await tx.lock("reporter", run_id, reporter)
        tx.reporters[run_id, reporter] = max(seq, tx.reporters.get((run_id, reporter), seq))

    def _require_run(self, run_id: int) -> None:
        if run_id not in self._transaction.runs:
            raise self._transaction.spoil(Refused(f"there is no run {run_id}"))
