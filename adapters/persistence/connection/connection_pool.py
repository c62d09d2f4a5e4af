"""The database connections of a process."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.errors import DiskFull
from psycopg.pq import TransactionStatus
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from adapters.persistence.connection.database_errors import translate_database_errors
from adapters.persistence.connection.query_recorder import QueryRecorder, SentQuery
from domain.errors import Unavailable

FULL_SECONDS = 10.0
"""The database counts as full for this long after a write found no space."""
_PROBE = text("SELECT 1")
_OPEN_TRANSACTION = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


@dataclass(frozen=True, slots=True)
class PooledConnection:
    """A connection as SQLAlchemy knows it, and the psycopg connection under it, on which transactions begin and end."""

    connection: AsyncConnection
    driver: psycopg.AsyncConnection[Any]


class ConnectionPool:
    """SQLAlchemy's pool, with the psycopg connection of each member and a cleanup that does not raise for lost connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._recorders: list[QueryRecorder] = []
        self._full_at = float("-inf")

    @property
    def was_full_recently(self) -> bool:
        """True if the database had no space left for a write of this process within the last FULL_SECONDS."""
        return time.monotonic() - self._full_at < FULL_SECONDS

    @contextlib.contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Translate database errors inside the block, and remember that the database is full."""
        try:
            with translate_database_errors():
                yield
        except Unavailable as error:
            cause = error.__cause__
            if isinstance(getattr(cause, "orig", cause), DiskFull):
                self._full_at = time.monotonic()
            raise

    async def acquire(self) -> PooledConnection:
        """Raise `sqlalchemy.exc.TimeoutError` if every connection stays in use for the pool's timeout."""
        connection = await self._engine.connect()
        raw: Any = connection.sync_connection
        return PooledConnection(connection, raw.connection.driver_connection)

    async def release(self, pooled: PooledConnection) -> None:
        """Return the connection to the pool and roll back its transaction if one is open. Drop a connection that was lost."""
        connection, driver = pooled.connection, pooled.driver
        with contextlib.suppress(psycopg.Error):
            if driver.pgconn.transaction_status in _OPEN_TRANSACTION:
                await driver.rollback()
        if driver.pgconn.transaction_status != TransactionStatus.IDLE and not connection.invalidated:
            await connection.invalidate()
        try:
            await connection.close()
        except DBAPIError:
            # The server closed the connection during the call. The pool must not keep it.
            if not connection.closed:
                await connection.invalidate()
                await connection.close()

    async def discard(self, pooled: PooledConnection) -> None:
        """Drop a connection that was lost. SQLAlchemy notices the loss and replaces its other idle connections before their next use."""
        with contextlib.suppress(DBAPIError):
            await pooled.connection.execute(_PROBE)
        await self.release(pooled)

    def get_usage(self) -> tuple[int, int]:
        """Return the size of the pool and the number of connections in use."""
        pool: Any = self._engine.pool
        return (pool.size(), pool.checkedout()) if isinstance(pool, QueuePool) else (0, 0)

    def record_round_trip(self, queries: list[SentQuery]) -> None:
        for recorder in self._recorders:
            recorder.record(queries)

    @contextlib.contextmanager
    def record_queries(self) -> Iterator[QueryRecorder]:
        """Record every query that is sent inside the block."""

        def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            recorder.record([SentQuery(statement, parameters)])

        recorder = QueryRecorder()
        self._recorders.append(recorder)
        event.listen(self._engine.sync_engine, "before_cursor_execute", record)
        try:
            yield recorder
        finally:
            event.remove(self._engine.sync_engine, "before_cursor_execute", record)
            self._recorders.remove(recorder)
