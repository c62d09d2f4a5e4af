"""Answers to requests with an idempotency key, in memory."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from application.ports.persistence.idempotency import IdempotencyKey
from domain.errors import Conflict, Unavailable
from tests.fakes.persistence import values
from tests.fakes.persistence.store import StoredAnswer
from tests.fakes.persistence.transaction import Transaction


class FakeIdempotency:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def find(self, key: IdempotencyKey, now: datetime) -> Mapping[str, Any] | None:
        tx = await self._transaction.begin_statement()
        values.text(key.scope)
        values.text(key.key)
        try:
            await tx.lock("idempotency", key.scope, key.key)
        except Unavailable as error:
            raise Conflict("in_progress", "A request with this Idempotency-Key is in progress. Retry later.") from error
        stored = tx.answers.get((key.scope, key.key))
        if stored is None:
            tx.answers[key.scope, key.key] = StoredAnswer(key.digest, None, now)
            return None
        if stored.answer is None:
            raise Conflict("in_progress", "A request with this Idempotency-Key was interrupted. Retry later.")
        key.check(stored.digest)
        answer: Mapping[str, Any] = values.document(stored.answer)
        return answer

    async def add(self, key: IdempotencyKey, answer: Mapping[str, Any]) -> None:
        tx = await self._transaction.begin_statement()
        place = key.scope, key.key
        tx.require_lock("idempotency", *place)
        stored = tx.answers[place]
        tx.answers[place] = StoredAnswer(stored.digest, values.document(dict(answer)), stored.created_at)
