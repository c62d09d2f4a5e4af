"""Stores accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.access import account
from domain.access.accounts import Account
from domain.access.permissions import Role
from domain.errors import NameTaken


class SqlAccounts:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, name: str, role: Role, password: str | None, subject: str | None, now: datetime) -> Account:
        new = upsert(account).values(name=name, role=role.value, password=password, subject=subject, created_at=now)
        row = (await self._transaction.execute(new.on_conflict_do_nothing().returning(account))).one_or_none()
        if row is None:
            raise NameTaken(name, f"An account is already named {name}.")
        return to_account(row)

    async def find(self, name: str, *, lock: bool = False) -> Account | None:
        query = select(account).where(account.c.name == name)
        return await self._fetch_one(query.with_for_update() if lock else query)

    async def find_by_subject(self, subject: str) -> Account | None:
        return await self._fetch_one(select(account).where(account.c.subject == subject))

    async def find_by_id(self, account_id: int) -> Account | None:
        return await self._fetch_one(select(account).where(account.c.id == account_id))

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
        return [to_account(row) for row in await self._transaction.execute(select(account).order_by(account.c.name))]

    async def _fetch_one(self, query: Any) -> Account | None:
        row = (await self._transaction.execute(query)).one_or_none()
        return None if row is None else to_account(row)


def to_account(row: Any) -> Account:
    return Account(row.id, row.name, Role(row.role), row.created_at, row.password, row.subject, row.disabled_at, row.seen_at)
