"""Accounts, sessions, tokens and the audit log, in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.access.accounts import Account
from domain.access.api_tokens import ApiToken
from domain.access.audit import AuditAction, AuditEntry
from domain.access.permissions import Role
from domain.access.sessions import Session
from domain.errors import NameTaken
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeAccounts:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, name: str, role: Role, password: str | None, subject: str | None, now: datetime) -> Account:
        tx = await self._transaction.begin_statement()
        for word in (name, password, subject):
            values.text(word)
        await tx.lock("account", name)
        if any(row.name == name or (subject is not None and row.subject == subject) for row in tx.accounts.values()):
            raise NameTaken(name, f"There is an account named {name} already.")
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

    async def all(self) -> list[Account]:
        tx = await self._transaction.begin_statement()
        return sorted(tx.accounts.values(), key=lambda row: row.name)


def _changing(account: Account) -> dict[str, Any]:
    return {name: getattr(account, name) for name in ("role", "password", "subject", "disabled_at", "seen_at")}


class FakeSessions:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, digest: bytes, session: Session) -> None:
        tx = await self._transaction.begin_statement()
        if session.account_id not in tx.accounts:
            raise tx.abort(RowRejected(f"there is no account {session.account_id}"))
        if digest in tx.sessions:
            raise tx.abort(RowRejected("there is a session of that digest"))
        tx.sessions[digest] = session

    async def find(self, digest: bytes) -> tuple[Session, Account] | None:
        tx = await self._transaction.begin_statement()
        found = tx.sessions.get(digest)
        return None if found is None else (found, tx.accounts[found.account_id])

    async def touch(self, digest: bytes, now: datetime) -> None:
        tx = await self._transaction.begin_statement()
        if digest in tx.sessions:
            tx.sessions[digest] = replace(tx.sessions[digest], seen_at=now)

    async def remove(self, digest: bytes) -> None:
        tx = await self._transaction.begin_statement()
        tx.sessions.pop(digest, None)

    async def remove_for_account(self, account_id: int, but: bytes | None = None) -> int:
        tx = await self._transaction.begin_statement()
        return self._drop([digest for digest, row in tx.sessions.items() if row.account_id == account_id and digest != but])

    async def remove_created_before(self, moment: datetime) -> int:
        tx = await self._transaction.begin_statement()
        return self._drop([digest for digest, row in tx.sessions.items() if row.created_at < moment])

    def _drop(self, digests: Sequence[bytes]) -> int:
        for digest in digests:
            del self._transaction.sessions[digest]
        return len(digests)


class FakeApiTokens:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, token: ApiToken, digest: bytes) -> ApiToken:
        tx = await self._transaction.begin_statement()
        for word in (token.name, token.hint, token.created_by):
            values.text(word)
        if token.pipeline_id is not None and token.pipeline_id not in tx.pipelines:
            raise tx.abort(RowRejected(f"there is no pipeline {token.pipeline_id}"))
        if digest in tx.api_tokens:
            raise tx.abort(RowRejected("there is a token of that digest"))
        made = replace(token, id=tx.store.next_id("api_token"))
        tx.api_tokens[digest] = made
        return made

    async def find(self, digest: bytes) -> ApiToken | None:
        tx = await self._transaction.begin_statement()
        return tx.api_tokens.get(digest)

    async def find_by_id(self, token_id: int) -> ApiToken | None:
        tx = await self._transaction.begin_statement()
        return next((row for row in tx.api_tokens.values() if row.id == token_id), None)

    async def revoke(self, token_id: int, now: datetime) -> bool:
        tx = await self._transaction.begin_statement()
        for digest, row in tx.api_tokens.items():
            if row.id == token_id and row.revoked_at is None:
                tx.api_tokens[digest] = replace(row, revoked_at=now)
                return True
        return False

    async def touch(self, token_id: int, day: datetime) -> None:
        tx = await self._transaction.begin_statement()
        for digest, row in tx.api_tokens.items():
            if row.id == token_id:
                tx.api_tokens[digest] = replace(row, used_on=day)

    async def all(self) -> list[ApiToken]:
        tx = await self._transaction.begin_statement()
        return sorted(tx.api_tokens.values(), key=lambda row: -row.id)


class FakeAuditLog:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        tx = await self._transaction.begin_statement()
        for entry in entries:
            for word in (entry.who, entry.way, entry.address, entry.thing):
                values.text(word)
            number = tx.store.next_id("audit")
            tx.audit[number] = replace(entry, id=number, details=values.document(dict(entry.details)))

    async def page(self, limit: int, below: int | None = None, deed: AuditAction | None = None, who: str | None = None) -> list[AuditEntry]:
        tx = await self._transaction.begin_statement()
        rows = sorted(tx.audit.values(), key=lambda row: -row.id)
        rows = [row for row in rows if below is None or row.id < below]
        rows = [row for row in rows if deed in (None, row.deed) and who in (None, row.who)]
        return rows[:limit]
