"""Which event ids were answered, and each reporter's highest seq."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import insert, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.statements import Statements
from adapters.persistence.tables_delivery import report_receipt, reporter_seq
from application.ports.persistence import Receipt, ReceiptKey


class SqlReceipts:
    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    async def find(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, Receipt]:
        if not keys:
            return {}
        columns = (report_receipt.c.run_id, report_receipt.c.reporter, report_receipt.c.event_id)
        named = {(key.run_id, key.reporter, key.event_id) for key in keys}
        query = select(*columns, report_receipt.c.digest, report_receipt.c.answer).where(tuple_(*columns).in_(sorted(named)))
        rows = await self._statements.run(query)
        return {ReceiptKey(row.run_id, row.reporter, row.event_id): Receipt(bytes(row.digest), row.answer) for row in rows}

    async def add(self, receipts: Mapping[ReceiptKey, Receipt], now: datetime) -> None:
        if not receipts:
            return
        rows = [
            {
                "run_id": key.run_id,
                "reporter": key.reporter,
                "event_id": key.event_id,
                "digest": receipt.digest,
                "answer": dict(receipt.answer),
                "created_at": now,
            }
            for key, receipt in receipts.items()
        ]
        await self._statements.run(insert(report_receipt), rows)

    async def last_seqs(self, reporters: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], int]:
        if not reporters:
            return {}
        query = select(reporter_seq).where(tuple_(reporter_seq.c.run_id, reporter_seq.c.reporter).in_(sorted(set(reporters))))
        return {(row.run_id, row.reporter): row.seq for row in await self._statements.run(query)}

    async def set_last_seqs(self, seqs: Mapping[tuple[int, str], int]) -> None:
        if not seqs:
            return
        rows = [{"run_id": run_id, "reporter": reporter, "seq": seq} for (run_id, reporter), seq in sorted(seqs.items())]
        new = upsert(reporter_seq).values(rows)
        higher = new.excluded.seq > reporter_seq.c.seq
        await self._statements.run(
            new.on_conflict_do_update(index_elements=["run_id", "reporter"], set_={"seq": new.excluded.seq}, where=higher)
        )
