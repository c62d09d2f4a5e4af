"""Accounts and sessions on PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.access import account, session
from domain.access.accounts import Account
from domain.access.permissions import Role
from domain.access.sessions import Session
from domain.errors import NameTaken


class SqlAccounts:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, name: str, role: Role, password: str | None, subject: str | None, now: datetime) -> Account:
        new = upsert(account).values(name=name, role=role.value, password=password, subject=subject, created_at=now)
        row = (await self._transaction.execute(new.on_conflict_do_nothing().returning(account))).one_or_none()
        if row is None:
            raise NameTaken(name, f"There is an account named {name} already.")
        return _account(row)

    async def find(self, name: str, *, lock: bool = False) -> Account | None:
        query = select(account).where(account.c.name == name)
        return await self._one(query.with_for_update() if lock else query)

    async def find_by_subject(self, subject: str) -> Account | None:
        return await self._one(select(account).where(account.c.subject == subject))

    async def find_by_id(self, account_id: int) -> Account | None:
        return await self._one(select(account).where(account.c.id == account_id))

    async def save(self, account_: Account) -> None:
        values = {
            "role": account_.role.value,
            "password": account_.password,
            "subject": account_.subject,
            "disabled_at": account_.disabled_at,
            "seen_at": account_.seen_at,
        }
        await self._transaction.execute(update(account).where(account.c.id == account_.id).values(values))

    async def list_all(self) -> list[Account]:
        return [_account(row) for row in await self._transaction.execute(select(account).order_by(account.c.name))]

    async def _one(self, query: Any) -> Account | None:
        row = (await self._transaction.execute(query)).one_or_none()
        return None if row is None else _account(row)


class SqlSessions:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, digest: bytes, session_: Session) -> None:
        values = {"account_id": session_.account_id, "created_at": session_.created_at, "seen_at": session_.seen_at}
        await self._transaction.execute(insert(session).values(digest=digest, **values))

    async def find(self, digest: bytes) -> tuple[Session, Account] | None:
        mine = session.c.created_at.label("begun"), session.c.seen_at.label("asked")
        query = select(account, *mine).join(session, session.c.account_id == account.c.id).where(session.c.digest == digest)
        row = (await self._transaction.execute(query)).one_or_none()
        return None if row is None else (Session(row.id, row.begun, row.asked), _account(row))

    async def touch(self, digest: bytes, now: datetime) -> None:
        await self._transaction.execute(update(session).where(session.c.digest == digest).values(seen_at=now))

    async def remove(self, digest: bytes) -> None:
        await self._transaction.execute(delete(session).where(session.c.digest == digest))

    async def remove_for_account(self, account_id: int, but: bytes | None = None) -> int:
        gone = delete(session).where(session.c.account_id == account_id)
        return (await self._transaction.execute(gone if but is None else gone.where(session.c.digest != but))).rowcount

    async def remove_created_before(self, moment: datetime) -> int:
        return (await self._transaction.execute(delete(session).where(session.c.created_at < moment))).rowcount


def _account(row: Any) -> Account:
    return Account(row.id, row.name, Role(row.role), row.created_at, row.password, row.subject, row.disabled_at, row.seen_at)
