"""Stores answers to requests with a key. A request inserts its row first, so that a second request with the key waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.answers import idempotency
from application.ports.persistence.idempotency import IdempotencyKey
from domain.errors import Conflict, Unavailable


class SqlIdempotency:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def find(self, key: IdempotencyKey, now: datetime) -> Mapping[str, Any] | None:
        new = upsert(idempotency).values(scope=key.scope, key=key.key, digest=key.digest, created_at=now)
        try:
            inserted = await self._transaction.execute(new.on_conflict_do_nothing().returning(idempotency.c.key))
        except Unavailable as error:
            if _is_lock_timeout(error):
                raise Conflict("in_progress", "A request with this Idempotency-Key is in progress. Retry later.") from error
            raise
        if inserted.one_or_none() is not None:
            return None
        # Read after the wait, when the other request's answer is visible.
        query = select(idempotency.c.digest, idempotency.c.answer).where(*_match(key))
        row = (await self._transaction.execute(query)).one_or_none()
        if row is None or row.answer is None:
            raise Conflict("in_progress", "A request with this Idempotency-Key was interrupted. Retry later.")
        key.check(bytes(row.digest))
        answer: Mapping[str, Any] = row.answer
        return answer

    async def add(self, key: IdempotencyKey, answer: Mapping[str, Any]) -> None:
        await self._transaction.execute(update(idempotency).where(*_match(key)).values(answer=dict(answer)))


def _match(key: IdempotencyKey) -> tuple[Any, Any]:
    return idempotency.c.scope == key.scope, idempotency.c.key == key.key


def _is_lock_timeout(error: Unavailable) -> bool:
    return isinstance(getattr(error.__cause__, "orig", None), LockNotAvailable)
