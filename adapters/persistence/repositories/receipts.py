"""Stores the results of reports with an event id, and each reporter's highest seq."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import TEXT, and_, bindparam, column, func, insert, select, tuple_
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.bulk_parameters import rows_from_json
from adapters.persistence.connection.compiled_statements import BoundStatement, CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.answers import report_receipt, reporter_seq
from application.ports.persistence.receipts import Receipt, ReceiptKey

_KEY = ("run_id", "reporter", "event_id")


def _build_find() -> CompiledStatement:
    named = rows_from_json("named", report_receipt, _KEY)
    same = and_(*(report_receipt.c[name] == named.c[name] for name in _KEY))
    return CompiledStatement(select(*(report_receipt.c[name] for name in (*_KEY, "digest", "answer"))).join(named, same))


def _build_add() -> CompiledStatement:
    typed_columns = [*(column(name, report_receipt.c[name].type) for name in (*_KEY, "answer", "created_at")), column("digest", TEXT)]
    source = func.json_to_recordset(bindparam("receipts", type_=JSON))
    rows = source.table_valued(*typed_columns).render_derived(name="receipts", with_types=True)
    values = select(*(rows.c[name] for name in (*_KEY, "answer", "created_at")), func.decode(rows.c.digest, "hex"))
    return CompiledStatement(insert(report_receipt).from_select([*_KEY, "answer", "created_at", "digest"], values))


_FIND, _ADD = _build_find(), _build_add()


class SqlReceipts:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def find(self, keys: Sequence[ReceiptKey]) -> Mapping[ReceiptKey, Receipt]:
        if not keys:
            return {}
        (rows,) = await self._transaction.fetch_batch(self.bind_find(keys))
        return self.build_receipts(rows)

    def bind_find(self, keys: Sequence[ReceiptKey]) -> BoundStatement:
        return _FIND, {"named": [{name: getattr(key, name) for name in _KEY} for key in keys]}

    def build_receipts(self, rows: Sequence[Any]) -> dict[ReceiptKey, Receipt]:
        return {ReceiptKey(row.run_id, row.reporter, row.event_id): Receipt(bytes(row.digest), row.answer) for row in rows}

    async def add(self, receipts: Mapping[ReceiptKey, Receipt], now: datetime) -> None:
        rows = [
            {name: getattr(key, name) for name in _KEY}
            | {"digest": receipt.digest.hex(), "answer": dict(receipt.answer), "created_at": now}
            for key, receipt in receipts.items()
        ]
        if rows:
            self._transaction.enqueue(_ADD, receipts=rows)

    async def last_seqs(self, reporters: Sequence[tuple[int, str]]) -> Mapping[tuple[int, str], int]:
        if not reporters:
            return {}
        query = select(reporter_seq).where(tuple_(reporter_seq.c.run_id, reporter_seq.c.reporter).in_(sorted(set(reporters))))
        return {(row.run_id, row.reporter): row.seq for row in await self._transaction.execute(query)}

    async def set_last_seqs(self, seqs: Mapping[tuple[int, str], int]) -> None:
        if not seqs:
            return
        rows = [{"run_id": run_id, "reporter": reporter, "seq": seq} for (run_id, reporter), seq in sorted(seqs.items())]
        new = upsert(reporter_seq).values(rows)
        higher = new.excluded.seq > reporter_seq.c.seq
        await self._transaction.execute(
            new.on_conflict_do_update(index_elements=["run_id", "reporter"], set_={"seq": new.excluded.seq}, where=higher)
        )
