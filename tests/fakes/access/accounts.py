"""Accounts in memory."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.access.accounts import Account
from domain.access.permissions import Role
from domain.errors import NameTaken
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction


class FakeAccounts:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, name: str, role: Role, password: str | None, subject: str | None, now: datetime) -> Account:
        tx = await self._transaction.begin_statement()
        for word in (name, password, subject):
            values.text(word)
        await tx.lock("account", name)
        if any(row.name == name or (subject is not None and row.subject == subject) for row in tx.accounts.values()):
            raise NameTaken(name, f"An account is already named {name}.")
        made = Account(tx.store.next_id("account"), name, role, now, password, subject)
        tx.accounts[made.id] = made
        return made

    async def find(self, name: str, *, lock: bool = False) -> Account | None:
        tx = await self._transaction.begin_statement()
        values.text(name)
        if lock:
            await tx.lock("account", name)
        return next((row for row in tx.accounts.values() if row.name == name), None)

    async def find_by_subject(self, subject: str) -> Account | None:
        tx = await self._transaction.begin_statement()
        return next((row for row in tx.accounts.values() if row.subject == values.text(subject)), None)

    async def find_by_id(self, account_id: int) -> Account | None:
        tx = await self._transaction.begin_statement()
        return tx.accounts.get(account_id)

    async def save(self, account: Account) -> None:
        tx = await self._transaction.begin_statement()
        await tx.lock("account", account.name)
        if account.id in tx.accounts:
            tx.accounts[account.id] = replace(tx.accounts[account.id], **_changing(account))

    async def list_all(self) -> list[Account]:
        tx = await self._transaction.begin_statement()
        return sorted(tx.accounts.values(), key=lambda row: row.name)


def _changing(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in ("role", "password", "subject", "disabled_at", "seen_at")}
