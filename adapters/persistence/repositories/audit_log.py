"""Stores the audit log, to which the database only allows additions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select

from adapters.persistence.connection.bulk_parameters import rows_from_json
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.access import audit
from domain.access.audit import AuditAction, AuditEntry

_COLUMNS = ("at", "deed", "who", "way", "address", "thing", "details")
_ENTRIES = rows_from_json("entries", audit, _COLUMNS)
_ADD = CompiledStatement(insert(audit).from_select(_COLUMNS, select(*_ENTRIES.c), include_defaults=False))


class SqlAuditLog:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        rows = [
            {
                "at": entry.at.isoformat(),
                "deed": entry.action.value,
                "who": entry.actor,
                "way": entry.auth_method,
                "address": entry.address,
                "thing": entry.subject,
                "details": dict(entry.details),
            }
            for entry in entries
        ]
        if rows:
            self._transaction.enqueue(_ADD, entries=rows)

    async def page(self, limit: int, below: int | None = None, deed: AuditAction | None = None, who: str | None = None) -> list[AuditEntry]:
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if below is not None:
            query = query.where(audit.c.id < below)
        if deed is not None:
            query = query.where(audit.c.deed == deed.value)
        if who is not None:
            query = query.where(audit.c.who == who)
        return [_to_entry(row) for row in await self._transaction.execute(query)]


def _to_entry(row: Any) -> AuditEntry:
    return AuditEntry(row.at, AuditAction(row.deed), row.who, row.way, row.address, row.thing, row.details, row.id)
