"""Results of reports with an event id, in memory."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from application.ports.persistence.receipts import Receipt, ReceiptKey
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeReceipts:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def find(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, Receipt]:
        tx = await self._transaction.begin_statement()
        return {key: tx.receipts[key] for key in keys if key in tx.receipts}

    async def add(self, receipts: Mapping[ReceiptKey, Receipt], now: datetime) -> None:
        tx = await self._transaction.begin_statement()
        for key, receipt in receipts.items():
            await tx.lock("receipt", key)
            try:
                tx.receipts[key] = self._checked(key, receipt)
                tx.received[key] = now
            except RowRejected as error:
                raise tx.abort(error) from None

    async def last_seqs(self, reporters: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], int]:
        tx = await self._transaction.begin_statement()
        return {who: tx.reporters[who] for who in reporters if who in tx.reporters}

    async def set_last_seqs(self, seqs: Mapping[tuple[int, str], int]) -> None:
        tx = await self._transaction.begin_statement()
        for who, seq in sorted(seqs.items()):
            try:
                values.text(who[1])
                values.bigint(seq)
            except RowRejected as error:
                raise tx.abort(error) from None
            await tx.lock("reporter", *who)
            tx.reporters[who] = max(seq, tx.reporters.get(who, seq))

    def _checked(self, key: ReceiptKey, receipt: Receipt) -> Receipt:
        if key.run_id not in self._transaction.runs:
            raise RowRejected(f"there is no run {key.run_id}")
        if key in self._transaction.receipts:
            raise RowRejected(f"event id {key.event_id} was answered already")
        values.text(key.reporter)
        values.text(key.event_id)
        return Receipt(bytes(receipt.digest), values.document(dict(receipt.answer)))
