"""Silences in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from domain.alerts.silence import Silence
from tests.fakes.persistence import values
from tests.fakes.persistence.store import SilenceRow
from tests.fakes.persistence.transaction import Transaction


class FakeSilences:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, silence: Silence) -> Silence:
        tx = await self._transaction.begin_statement()
        for text in (silence.tag, silence.reason, silence.created_by):
            values.text(text)
        for at in (silence.starts_at, silence.ends_at, silence.created_at):
            values.moment(at)
        added = replace(silence, id=tx.store.next_id("silence"))
        tx.silences[added.id] = SilenceRow(added)
        return added

    async def lock(self, silence_id: int) -> Silence | None:
        tx = await self._transaction.begin_statement()
        if silence_id not in tx.silences:
            return None
        await tx.lock("silence", silence_id)
        return tx.silences[silence_id].silence

    async def end(self, silence_id: int, now: datetime, ended_by: str | None) -> Silence | None:
        tx = self._transaction
        silence = await self.lock(silence_id)
        if silence is None:
            return None
        if silence.ends_at > max(now, silence.starts_at):
            silence = replace(silence, ends_at=max(now, silence.starts_at))
            tx.silences[silence_id] = SilenceRow(silence, now, values.text(ended_by))
        return silence

    async def list_active(self, now: datetime) -> Sequence[Silence]:
        tx = await self._transaction.begin_statement()
        rows = [row.silence for _, row in sorted(tx.silences.items())]
        return [silence for silence in rows if silence.starts_at <= now < silence.ends_at]
