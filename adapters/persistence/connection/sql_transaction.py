"""How repositories speak to PostgreSQL: on the one connection of their transaction, in as few round trips as may be."""

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
from adapters.persistence.connection.database_errors import translate_database_errors

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

READ_COMMITTED = "BEGIN"
"""As the session has it: each statement sees what was committed when its turn came."""
READ_ONLY_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""For readers: all their statements see the same moment."""


class SqlTransaction:
    """One transaction's statements, in the order they are said. Takes its connection with the first one.

    `begin` is the statement that begins it, said together with the first; None when each statement is a transaction of its own.
    Unavailable when the database does not answer. A connection that turns out to be dead at the first statement is
    replaced once, since nothing can have happened on it yet; a commit is never tried twice, and so never sent first.
    """

    def __init__(self, connections: ConnectionPool, begin: str | None = READ_COMMITTED) -> None:
        self._connections = connections
        self._begin = begin
        self._lent: PooledConnection | None = None
        self._later: list[BoundStatement] = []
        self._begun = False
        self._over = False

    async def run(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Execute one statement, whatever it is."""
        await self._say_what_waits()
        with translate_database_errors():
            try:
                result = await self._execute(statement, parameters)
            except DBAPIError as error:
                if self._begun or not error.connection_invalidated:
                    raise
                await self._replace()
                result = await self._execute(statement, parameters)
        self._begun = True
        return result

    def enqueue(self, statement: CompiledStatement, **values: Any) -> None:
        """Have this written with what is asked next, or with the commit. Nobody waits for an answer; a failure is told there."""
        self._require_open()
        self._later.append((statement, values))

    async def fetch_batch(self, *asked: BoundStatement) -> list[list[Any]]:
        """The rows of each, in one round trip. Each sees what was committed when its turn came, as if they had been sent one by one."""
        self._require_open()
        waiting, self._later = self._later, []
        batch = [*waiting, *asked]
        with translate_database_errors():
            try:
                results = await self._exchange(batch)
            except DBAPIError as error:
                if self._begun or not error.connection_invalidated:
                    raise
                await self._replace()
                results = await self._exchange(batch)
        self._begun = True
        return results[len(waiting) :]

    async def commit(self) -> None:
        self._require_open()
        if not self._begun:
            await self._say_what_waits()
        waiting, self._later, self._over = self._later, [], True
        if self._lent is not None:
            with translate_database_errors():
                await self._exchange(waiting, commit=True)
            await self._give_back()

    async def end(self) -> None:
        """Give the connection back, rolling back what was not committed; never raises what passes with time."""
        self._over = True
        try:
            await self._close_snapshot()
        finally:
            await self._give_back()

    def _require_open(self) -> None:
        if self._over:
            raise RuntimeError("This unit of work is over.")

    async def _say_what_waits(self) -> None:
        self._require_open()
        if self._later:
            await self.fetch_batch()

    async def _execute(self, statement: Executable, parameters: Parameters) -> CursorResult[Any]:
        lent = await self._connected()
        if self._beginning(lent) is not None:
            await self._converse(lent, [])
        return await lent.connection.execute(statement, parameters)

    async def _exchange(self, batch: Sequence[BoundStatement], commit: bool = False) -> list[list[Any]]:
        """One round trip. What fails leaves the rest unsaid, the commit too."""
        return await self._converse(await self._connected(), batch, commit)

    async def _converse(self, lent: PooledConnection, batch: Sequence[BoundStatement], commit: bool = False) -> list[list[Any]]:
        """BEGIN and COMMIT are said like any other: the driver's own would each be a round trip."""
        driver = lent.driver
        begin = self._beginning(lent)
        cursors = [driver.cursor(row_factory=namedtuple_row) for _ in batch]
        is_more_than_one = begin is not None or commit or len(batch) > 1
        try:
            async with driver.pipeline() if is_more_than_one else contextlib.nullcontext():
                if begin is not None:
                    await driver.cursor().execute(begin)
                for cursor, (statement, values) in zip(cursors, batch, strict=True):
                    await cursor.execute(statement.text, statement.values(values), prepare=True)
                if commit:
                    await driver.cursor().execute("COMMIT")
        except psycopg.Error as error:
            raise DBAPIError.instance(None, None, error, psycopg.Error, connection_invalidated=driver.closed) from error
        return [await cursor.fetchall() if _has_rows(cursor) else [] for cursor in cursors]

    def _beginning(self, lent: PooledConnection) -> str | None:
        """What has to be said first; None within a transaction, and where there is none."""
        return self._begin if lent.driver.pgconn.transaction_status == TransactionStatus.IDLE else None

    async def _connected(self) -> PooledConnection:
        if self._lent is None:
            self._lent = await self._connections.take()
        return self._lent

    async def _close_snapshot(self) -> None:
        """Nothing was changed, and a rollback would have the driver forget every statement that it has prepared."""
        lent = self._lent
        if self._begin == READ_ONLY_SNAPSHOT and lent is not None and lent.driver.pgconn.transaction_status == TransactionStatus.INTRANS:
            with contextlib.suppress(DBAPIError):
                await self._converse(lent, [], commit=True)

    async def _replace(self) -> None:
        lent, self._lent = self._lent, None
        if lent is not None:
            await asyncio.shield(asyncio.ensure_future(self._connections.discard(lent)))

    async def _give_back(self) -> None:
        lent, self._lent = self._lent, None
        if lent is not None and not self._connections.keep(lent):
            # Shielded: a caller that leaves while it is cancelled must not take the connection with it.
            await asyncio.shield(asyncio.ensure_future(self._connections.rollback_and_release(lent)))


def _has_rows(cursor: psycopg.AsyncCursor[Any]) -> bool:
    """As its `description` says, which would describe every column for it."""
    return cursor.pgresult is not None and cursor.pgresult.nfields > 0
