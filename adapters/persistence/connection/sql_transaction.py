"""A transaction's statements, sent on one connection in as few round trips as possible."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row
from sqlalchemy import CursorResult, Executable
from sqlalchemy.exc import DBAPIError

from adapters.persistence.connection.compiled_statements import BoundStatement, CompiledStatement
from adapters.persistence.connection.connection_pool import ConnectionPool, PooledConnection
from adapters.persistence.connection.query_recorder import SentQuery

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

READ_COMMITTED = "BEGIN"
"""The session's default: each statement sees what was committed when it starts."""
READ_ONLY_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""For readers: all statements see the same moment."""


class SqlTransaction:
    """The statements of one transaction, in order. The first statement takes a connection from the pool.

    `begin` starts the transaction and travels with the first statement; with None, every statement is a transaction of its own.
    Raise Unavailable if the database does not respond. If the connection turns out to be dead at the first statement, it is replaced once:
    nothing can have happened on it yet. A COMMIT is never repeated.
    """

    def __init__(self, connections: ConnectionPool, begin: str | None = READ_COMMITTED) -> None:
        self._connections = connections
        self._begin = begin
        self._pooled: PooledConnection | None = None
        self._queue: list[BoundStatement] = []
        self._has_begun = False
        self._is_closed = False

    async def execute(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Execute any statement in a round trip of its own."""
        self._require_open()
        if self._queue:
            await self.fetch_batch()
        with self._connections.translate_errors():
            try:
                result = await self._execute(statement, parameters)
            except DBAPIError as error:
                if self._has_begun or not error.connection_invalidated:
                    raise
                await self._replace_connection()
                result = await self._execute(statement, parameters)
        self._has_begun = True
        return result

    def enqueue(self, statement: CompiledStatement, **values: Any) -> None:
        """Send a write with the next query or with the COMMIT. If it fails, that call raises."""
        self._require_open()
        self._queue.append((statement, values))

    async def fetch_batch(self, *statements: BoundStatement) -> list[list[Any]]:
        """Send the statements in one round trip and return the rows of each. Each sees what was committed when it starts."""
        self._require_open()
        queued, self._queue = self._queue, []
        batch = [*queued, *statements]
        with self._connections.translate_errors():
            try:
                results = await self._send_batch(batch)
            except DBAPIError as error:
                if self._has_begun or not error.connection_invalidated:
                    raise
                await self._replace_connection()
                results = await self._send_batch(batch)
        self._has_begun = True
        return results[len(queued) :]

    async def commit(self) -> None:
        """Send the queued writes with the COMMIT, and release the connection. The transaction is closed afterwards."""
        self._require_open()
        if not self._has_begun and self._queue:
            await self.fetch_batch()
        queued, self._queue, self._is_closed = self._queue, [], True
        if self._pooled is not None:
            with self._connections.translate_errors():
                await self._send_batch(queued, commit=True)
            await self._release()

    async def close(self) -> None:
        """Roll back what was not committed and release the connection. Do not raise for a lost connection."""
        self._is_closed = True
        try:
            await self._close_snapshot()
        finally:
            await self._release()

    def _require_open(self) -> None:
        if self._is_closed:
            raise RuntimeError("This unit of work is closed.")

    async def _execute(self, statement: Executable, parameters: Parameters) -> CursorResult[Any]:
        pooled = await self._connect()
        if self._needs_begin(pooled):
            await self._send(pooled, [])
        return await pooled.connection.execute(statement, parameters)

    async def _send_batch(self, batch: Sequence[BoundStatement], commit: bool = False) -> list[list[Any]]:
        pooled = await self._connect()
        queries = [SentQuery(statement.text, statement.bind(values)) for statement, values in batch]
        self._connections.record_round_trip(queries)
        return await self._send(pooled, queries, commit)

    async def _send(self, pooled: PooledConnection, queries: Sequence[SentQuery], commit: bool = False) -> list[list[Any]]:
        """Send the queries in one round trip, with BEGIN and COMMIT as plain statements: the driver's own would each be a round trip.

        After a query that fails PostgreSQL skips the rest, including the COMMIT.
        """
        driver = pooled.driver
        needs_begin = self._needs_begin(pooled)
        cursors = [driver.cursor(row_factory=namedtuple_row) for _ in queries]
        is_pipelined = needs_begin or commit or len(queries) > 1
        try:
            async with driver.pipeline() if is_pipelined else contextlib.nullcontext():
                if needs_begin and self._begin is not None:
                    await driver.cursor().execute(self._begin)
                for cursor, query in zip(cursors, queries, strict=True):
                    await cursor.execute(query.text, query.parameters, prepare=True)
                if commit:
                    await driver.cursor().execute("COMMIT")
        except psycopg.Error as error:
            raise DBAPIError.instance(None, None, error, psycopg.Error, connection_invalidated=driver.closed) from error
        return [await cursor.fetchall() if _has_rows(cursor) else [] for cursor in cursors]

    def _needs_begin(self, pooled: PooledConnection) -> bool:
        return self._begin is not None and pooled.driver.pgconn.transaction_status == TransactionStatus.IDLE

    async def _connect(self) -> PooledConnection:
        if self._pooled is None:
            self._pooled = await self._connections.acquire()
        return self._pooled

    async def _close_snapshot(self) -> None:
        """End a read-only transaction with COMMIT: after a ROLLBACK psycopg forgets every statement that it prepared."""
        pooled = self._pooled
        if (
            self._begin == READ_ONLY_SNAPSHOT
            and pooled is not None
            and pooled.driver.pgconn.transaction_status == TransactionStatus.INTRANS
        ):
            with contextlib.suppress(DBAPIError):
                await self._send(pooled, [], commit=True)

    async def _replace_connection(self) -> None:
        pooled, self._pooled = self._pooled, None
        if pooled is not None:
            await asyncio.shield(asyncio.ensure_future(self._connections.discard(pooled)))

    async def _release(self) -> None:
        pooled, self._pooled = self._pooled, None
        if pooled is not None:
            # Shielded, so that cancelling the caller does not lose the connection.
            await asyncio.shield(asyncio.ensure_future(self._connections.release(pooled)))


def _has_rows(cursor: psycopg.AsyncCursor[Any]) -> bool:
    """Return True if the query returned rows. `cursor.description` says the same but describes every column."""
    return cursor.pgresult is not None and cursor.pgresult.nfields > 0
