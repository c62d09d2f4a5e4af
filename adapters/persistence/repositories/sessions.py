"""Stores the sessions of signed-in browsers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select, update

from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.accounts import to_account
from adapters.persistence.tables.access import account, session
from domain.access.accounts import Account
from domain.access.sessions import Session


class SqlSessions:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, digest: bytes, session_: Session) -> None:
        values = {"account_id": session_.account_id, "created_at": session_.created_at, "seen_at": session_.seen_at}
        await self._transaction.execute(insert(session).values(digest=digest, **values))

    async def find(self, digest: bytes) -> tuple[Session, Account] | None:
        times = session.c.created_at.label("signed_in_at"), session.c.seen_at.label("last_seen_at")
        query = select(account, *times).join(session, session.c.account_id == account.c.id).where(session.c.digest == digest)
        row = (await self._transaction.execute(query)).one_or_none()
        return None if row is None else (Session(row.id, row.signed_in_at, row.last_seen_at), to_account(row))

    async def touch(self, digest: bytes, now: datetime) -> None:
        await self._transaction.execute(update(session).where(session.c.digest == digest).values(seen_at=now))

    async def remove(self, digest: bytes) -> None:
        await self._transaction.execute(delete(session).where(session.c.digest == digest))

    async def remove_for_account(self, account_id: int, but: bytes | None = None) -> int:
        deletion = delete(session).where(session.c.account_id == account_id)
        return (await self._transaction.execute(deletion if but is None else deletion.where(session.c.digest != but))).rowcount

    async def remove_created_before(self, moment: datetime) -> int:
        return (await self._transaction.execute(delete(session).where(session.c.created_at < moment))).rowcount
