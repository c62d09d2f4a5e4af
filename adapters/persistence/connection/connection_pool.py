"""Connections of the pool, each lent to one transaction at a time; some stay at hand between two, so that none costs a check-out."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

MAX_IDLE_CONNECTIONS: Final = 4
"""As many are kept ready; what a storm needed beyond goes back to the pool."""
_ANYTHING: Final = text("SELECT 1")
_UNDONE = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


@dataclass(frozen=True, slots=True)
class PooledConnection:
    """A connection as SQLAlchemy has it, and the driver's own under it, on which transactions begin and end by what is said on it."""

    connection: AsyncConnection
    driver: psycopg.AsyncConnection[Any]


class ConnectionPool:
    """Takes from the pool what is not at hand; `sqlalchemy.exc.TimeoutError` when all are taken for as long as the pool waits."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._at_hand: list[PooledConnection] = []
        self._lent = 0
        self._asking = 0

    async def take(self) -> PooledConnection:
        lent = self._at_hand.pop() if self._at_hand else await self._from_pool()
        self._lent += 1
        return lent

    def keep(self, lent: PooledConnection) -> bool:
        """Have it at hand for the next. False for one that is not as good as new, or that somebody waits for at the pool."""
        if not _is_as_new(lent) or lent.connection.invalidated or self._asking or len(self._at_hand) >= MAX_IDLE_CONNECTIONS:
            return False
        self._at_hand.append(lent)
        self._lent -= 1
        return True

    async def rollback_and_release(self, lent: PooledConnection) -> None:
        """Take it back from a transaction that did not end, whose changes are discarded. Never raises what passes with time."""
        if not lent.driver.closed and lent.driver.pgconn.transaction_status in _UNDONE:
            try:
                await lent.driver.rollback()
            except psycopg.Error:
                await lent.connection.invalidate()
        if not self.keep(lent):
            self._lent -= 1
            await _given_back(lent)

    async def discard(self, lent: PooledConnection) -> None:
        """Take back one that was found dead. Whatever lies about unused probably is too: it is opened anew when it is needed."""
        with contextlib.suppress(DBAPIError):
            await lent.connection.execute(_ANYTHING)  # by which SQLAlchemy finds out, and trusts nothing of its pool that is as old
        await self.rollback_and_release(lent)
        await self.close()

    async def close(self) -> None:
        """Have none at hand."""
        at_hand, self._at_hand = self._at_hand, []
        for lent in at_hand:
            await lent.connection.invalidate()
            await lent.connection.close()

    def counts(self) -> tuple[int, int]:
        """How many the pool keeps, and how many are lent."""
        pool: Any = self._engine.pool
        return (pool.size() if isinstance(pool, QueuePool) else 0, self._lent)

    async def _from_pool(self) -> PooledConnection:
        self._asking += 1
        try:
            connection = await self._engine.connect()
        finally:
            self._asking -= 1
        raw: Any = connection.sync_connection
        return PooledConnection(connection, raw.connection.driver_connection)


def _is_as_new(lent: PooledConnection) -> bool:
    return not lent.driver.closed and lent.driver.pgconn.transaction_status == TransactionStatus.IDLE


async def _given_back(lent: PooledConnection) -> None:
    connection = lent.connection
    if not _is_as_new(lent) and not connection.invalidated:
        await connection.invalidate()
    try:
        await connection.close()
    except DBAPIError:
        # Cut off in this very moment, which decides nothing any more; the pool must not keep it.
        if not connection.closed:
            await connection.invalidate()
            await connection.close()
