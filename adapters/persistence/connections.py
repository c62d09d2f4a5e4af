"""Connections of the pool, each lent to one transaction at a time; some stay at hand between two, so that none costs a check-out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

AT_HAND: Final = 4
"""As many are kept ready; what a storm needed beyond goes back to the pool."""
_UNDONE = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


@dataclass(frozen=True, slots=True)
class Lent:
    """A connection as SQLAlchemy has it, and the driver's own under it, on which transactions begin and end by what is said on it."""

    connection: AsyncConnection
    driver: psycopg.AsyncConnection[Any]


class Connections:
    """Takes from the pool what is not at hand; `sqlalchemy.exc.TimeoutError` when all are taken for as long as the pool waits."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._pool = engine.pool
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._at_hand: list[Lent] = []
        self._asking = 0

    async def take(self) -> Lent:
        if self._at_hand:
            return self._at_hand.pop()
        self._asking += 1
        try:
            connection = await self._engine.connect()
        finally:
            self._asking -= 1
        raw: Any = connection.sync_connection
        return Lent(connection, raw.connection.driver_connection)

    def keep(self, lent: Lent) -> bool:
        """Have it at hand for the next. False for one that is not as good as new, or that somebody waits for at the pool."""
        is_new = not lent.driver.closed and lent.driver.pgconn.transaction_status == TransactionStatus.IDLE
        if not is_new or lent.connection.invalidated or self._asking or len(self._at_hand) >= AT_HAND:
            return False
        self._at_hand.append(lent)
        return True

    async def undo(self, lent: Lent) -> None:
        """Take it back from a transaction that did not end, whose changes are discarded. Never raises what passes with time."""
        if not lent.driver.closed and lent.driver.pgconn.transaction_status in _UNDONE:
            try:
                await lent.driver.rollback()
            except psycopg.Error:
                await lent.connection.invalidate()
        if not self.keep(lent):
            await _given_back(lent)

    async def drop_those_at_hand(self) -> None:
        """One was found dead: the others probably are."""
        at_hand, self._at_hand = self._at_hand, []
        for lent in at_hand:
            await _given_back(lent)

    def counts(self) -> tuple[int, int]:
        """How many the pool keeps, and how many are lent."""
        pool: Any = self._pool
        return (pool.size(), pool.checkedout() - len(self._at_hand)) if isinstance(pool, QueuePool) else (0, 0)


async def _given_back(lent: Lent) -> None:
    connection = lent.connection
    is_good = not lent.driver.closed and lent.driver.pgconn.transaction_status == TransactionStatus.IDLE
    if not is_good and not connection.invalidated:
        await connection.invalidate()
    try:
        await connection.close()
    except DBAPIError:
        # Cut off in this very moment, which decides nothing any more; the pool must not keep it.
        if not connection.closed:
            await connection.invalidate()
            await connection.close()
