"""API tokens in memory."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from domain.access.api_tokens import ApiToken
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeApiTokens:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def lock_names(self) -> None:
        tx = await self._transaction.begin_statement()
        await tx.lock("token names")

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

    async def list_by_ids(self, token_ids: Collection[int]) -> list[ApiToken]:
        tx = await self._transaction.begin_statement()
        return [row for row in tx.api_tokens.values() if row.id in token_ids]

    async def list_all(self) -> list[ApiToken]:
        tx = await self._transaction.begin_statement()
        return sorted(tx.api_tokens.values(), key=lambda row: -row.id)
