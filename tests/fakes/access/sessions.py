"""Sessions in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.access.accounts import Account
from domain.access.sessions import Session
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


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
