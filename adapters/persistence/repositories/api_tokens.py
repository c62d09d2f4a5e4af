"""Stores API tokens."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.access import api_token
from domain.access.api_tokens import ApiToken, TokenKind
from domain.access.permissions import Scope

_LOCK_NAMES = select(func.pg_advisory_xact_lock(func.hashtextextended("headgate token names", 0)))


class SqlApiTokens:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def lock_names(self) -> None:
        await self._transaction.execute(_LOCK_NAMES)

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
        inserted = await self._transaction.execute(insert(api_token).values(digest=digest, **values).returning(api_token.c.id))
        return replace(token, id=inserted.scalar_one())

    async def find(self, digest: bytes) -> ApiToken | None:
        return await self._fetch_one(api_token.c.digest == digest)

    async def find_by_id(self, token_id: int) -> ApiToken | None:
        return await self._fetch_one(api_token.c.id == token_id)

    async def revoke(self, token_id: int, now: datetime) -> bool:
        is_active = api_token.c.id == token_id, api_token.c.revoked_at.is_(None)
        return (await self._transaction.execute(update(api_token).where(*is_active).values(revoked_at=now))).rowcount == 1

    async def touch(self, token_id: int, day: datetime) -> None:
        await self._transaction.execute(update(api_token).where(api_token.c.id == token_id).values(used_on=day))

    async def list_by_ids(self, token_ids: Collection[int]) -> list[ApiToken]:
        query = select(api_token).where(api_token.c.id.in_(token_ids))
        return [_to_token(row) for row in await self._transaction.execute(query)]

    async def list_all(self) -> list[ApiToken]:
        return [_to_token(row) for row in await self._transaction.execute(select(api_token).order_by(api_token.c.id.desc()))]

    async def _fetch_one(self, condition: Any) -> ApiToken | None:
        row = (await self._transaction.execute(select(api_token).where(condition))).one_or_none()
        return None if row is None else _to_token(row)


def _to_token(row: Any) -> ApiToken:
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
