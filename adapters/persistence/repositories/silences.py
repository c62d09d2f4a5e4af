"""Stores silences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, bindparam, insert, select, update

from adapters.persistence.connection.bulk_parameters import is_storable_id, to_row
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.channels import silence
from domain.alerts.silence import Silence

_NEW = ("pipeline_id", "tag", "starts_at", "ends_at", "reason", "created_by", "created_at")
_NOW = bindparam("now", type_=DateTime(timezone=True))
_IS_ACTIVE = (silence.c.starts_at <= _NOW, silence.c.ends_at > _NOW)
_LIST_ACTIVE = CompiledStatement(select(silence).where(*_IS_ACTIVE).order_by(silence.c.id))
_LOCK = CompiledStatement(select(silence).where(silence.c.id == bindparam("id", type_=BigInteger)).with_for_update())


class SqlSilences:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, silence_: Silence) -> Silence:
        added = await self._transaction.execute(insert(silence).values(to_row(silence_, _NEW)).returning(silence.c.id))
        return replace(silence_, id=added.scalar_one())

    async def lock(self, silence_id: int) -> Silence | None:
        if not is_storable_id(silence_id):
            return None
        (rows,) = await self._transaction.fetch_batch((_LOCK, {"id": silence_id}))
        return to_silence(rows[0]) if rows else None

    async def end(self, silence_id: int, now: datetime, ended_by: str | None) -> Silence | None:
        found = await self.lock(silence_id)
        if found is None or found.ends_at <= (ends_at := max(now, found.starts_at)):
            return found
        values = {"ends_at": ends_at, "ended_at": now, "ended_by": ended_by}
        await self._transaction.execute(update(silence).where(silence.c.id == silence_id).values(values))
        return replace(found, ends_at=ends_at)

    async def list_active(self, now: datetime) -> Sequence[Silence]:
        (rows,) = await self._transaction.fetch_batch((_LIST_ACTIVE, {"now": now}))
        return [to_silence(row) for row in rows]


def to_silence(row: Any) -> Silence:
    """Return the silence of a row with all columns of the table."""
    return Silence(row.id, **to_row(row, _NEW))
