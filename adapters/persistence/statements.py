"""How repositories speak to PostgreSQL: on the one connection of their transaction, in as few round trips as may be."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import CursorResult, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.persistence.failures import unavailable
from adapters.persistence.ready import Asked, Ready

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Statements:
    """One transaction's statements, in the order they are said. Takes its connection with the first one.

    Unavailable when the database does not answer. A connection that turns out to be dead at the first statement is
    replaced once, since nothing can have happened on it yet; a commit is never tried twice, and so never sent first.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._later: list[Asked] = []
        self._begun = False
        self._over = False

    async def run(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        """Execute one statement, whatever it is."""
        await self._say_what_waits()
        with unavailable():
            try:
                result = await self._execute(statement, parameters)
            except DBAPIError as error:
                if self._begun or not error.connection_invalidated:
                    raise
                await self._give_back()
                result = await self._execute(statement, parameters)
        self._begun = True
        return result

    def later(self, statement: Ready, **values: Any) -> None:
        """Have this written with what is asked next, or with the commit. Nobody waits for an answer; a failure is told there."""
        self._require_open()
        self._later.append((statement, values))

    async def together(self, *asked: Asked) -> list[list[Any]]:
        """The rows of each, in one round trip. Each sees what was committed when its turn came, as if they had been sent one by one."""
        self._require_open()
        waiting, self._later = self._later, []
        batch = [*waiting, *asked]
        with unavailable():
            try:
                results = await self._exchange(batch)
            except DBAPIError as error:
                if self._begun or not error.connection_invalidated:
                    raise
                await self._give_back()
                results = await self._exchange(batch)
        self._begun = True
        return results[len(waiting) :]

    async def commit(self) -> None:
        self._require_open()
        if not self._begun:
            await self._say_what_waits()
        waiting, self._later, self._over = self._later, [], True
        if self._connection is not None:
            with unavailable():
                await self._exchange(waiting, commit=True)
            await self._give_back()

    async def end(self) -> None:
        """Give the connection back, rolling back what was not committed; never raises what passes with time."""
        self._over = True
        await self._give_back()

    def _require_open(self) -> None:
        if self._over:
            raise RuntimeError("This unit of work is over.")

    async def _say_what_waits(self) -> None:
        self._require_open()
        if self._later:
            await self.together()

    async def _execute(self, statement: Executable, parameters: Parameters) -> CursorResult[Any]:
        if self._connection is None:
            self._connection = await self._engine.connect()
        return await self._connection.execute(statement, parameters)

    async def _exchange(self, batch: Sequence[Asked], commit: bool = False) -> list[list[Any]]:
        """One round trip. What fails leaves the rest unsaid, the commit too."""
        connection = await self._driver()
        cursors = [connection.cursor(row_factory=namedtuple_row) for _ in batch]
        try:
            async with connection.pipeline():
                for cursor, (statement, values) in zip(cursors, batch, strict=True):
                    await cursor.execute(statement.text, statement.values(values))
                if commit:
                    await connection.commit()
        except psycopg.Error as error:
            raise DBAPIError.instance(None, None, error, psycopg.Error, connection_invalidated=connection.closed) from error
        return [await cursor.fetchall() if _has_rows(cursor) else [] for cursor in cursors]

    async def _driver(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None:
            self._connection = await self._engine.connect()
        raw: Any = (await self._connection.get_raw_connection()).driver_connection
        return raw  # type: ignore[no-any-return]

    async def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Shielded: a caller that leaves while it is cancelled must not take the connection with it.
            await asyncio.shield(asyncio.ensure_future(_returned(connection)))


def _has_rows(cursor: psycopg.AsyncCursor[Any]) -> bool:
    """As its `description` says, which would describe every column for it."""
    return cursor.pgresult is not None and cursor.pgresult.nfields > 0


async def _returned(connection: AsyncConnection) -> None:
    if not connection.invalidated and (await connection.get_raw_connection()).driver_connection.closed:  # type: ignore[union-attr]
        await connection.invalidate()
    try:
        await connection.close()
    except DBAPIError:
        # Cut off in this very moment, which decides nothing any more; the pool must not keep it.
        if not connection.closed:
            await connection.invalidate()
            await connection.close()
