"""Programs' tokens, and the audit log, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from adapters.persistence.connection.bulk_parameters import rows_from_json
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.access import api_token, audit
from domain.access.api_tokens import ApiToken, TokenKind
from domain.access.audit import AuditAction, AuditEntry
from domain.access.permissions import Scope


class SqlApiTokens:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, token: ApiToken, digest: bytes) -> ApiToken:
        values = {
            "name": token.name,
            "kind": token.kind.value,
            "scopes": [scope.value for scope in token.scopes],
            "pipeline_id": token.pipeline_id,
            "hint": token.hint,
            "created_by": token.created_by,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
        }
        made = await self._transaction.execute(insert(api_token).values(digest=digest, **values).returning(api_token.c.id))
        return replace(token, id=made.scalar_one())

    async def find(self, digest: bytes) -> ApiToken | None:
        return await self._one(api_token.c.digest == digest)

    async def find_by_id(self, token_id: int) -> ApiToken | None:
        return await self._one(api_token.c.id == token_id)

    async def revoke(self, token_id: int, now: datetime) -> bool:
        good = api_token.c.id == token_id, api_token.c.revoked_at.is_(None)
        return (await self._transaction.execute(update(api_token).where(*good).values(revoked_at=now))).rowcount == 1

    async def touch(self, token_id: int, day: datetime) -> None:
        await self._transaction.execute(update(api_token).where(api_token.c.id == token_id).values(used_on=day))

    async def list_all(self) -> list[ApiToken]:
        return [_token(row) for row in await self._transaction.execute(select(api_token).order_by(api_token.c.id.desc()))]

    async def _one(self, condition: Any) -> ApiToken | None:
        row = (await self._transaction.execute(select(api_token).where(condition))).one_or_none()
        return None if row is None else _token(row)


_NOTED = ("at", "deed", "who", "way", "address", "thing", "details")
_ENTRIES = rows_from_json("entries", audit, _NOTED)
_ADD = CompiledStatement(insert(audit).from_select(_NOTED, select(*_ENTRIES.c), include_defaults=False))


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
        return [_entry(row) for row in await self._transaction.execute(query)]


def _token(row: Any) -> ApiToken:
    return ApiToken(
        row.id,
        row.name,
        TokenKind(row.kind),
        tuple(Scope(scope) for scope in row.scopes),
        row.pipeline_id,
        row.hint,
        row.created_by,
        row.created_at,
        row.expires_at,
        row.used_on,
        row.revoked_at,
    )


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(row.at, AuditAction(row.deed), row.who, row.way, row.address, row.thing, row.details, row.id)
