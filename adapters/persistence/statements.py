"""How repositories speak to PostgreSQL: one statement at a time, on the one connection of their transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.persistence.failures import unavailable

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None


class Statements:
    """One transaction's statements. Takes its connection with the first one.

    Unavailable when the database does not answer. A connection that turns out to be dead at the first statement is
    replaced once, since nothing can have happened on it yet; a commit is never tried twice.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._begun = False
        self._over = False

    async def run(self, statement: Executable, parameters: Parameters = None) -> CursorResult[Any]:
        if self._over:
            raise RuntimeError("This unit of work is over.")
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

    async def commit(self) -> None:
        if self._over:
            raise RuntimeError("This unit of work is over.")
        self._over = True
        if self._connection is not None:
            with unavailable():
                await self._connection.commit()
            await self._give_back()

    async def end(self) -> None:
        """Give the connection back, rolling back what was not committed; never raises what passes with time."""
        self._over = True
        await self._give_back()

    async def _execute(self, statement: Executable, parameters: Parameters) -> CursorResult[Any]:
        if self._connection is None:
            self._connection = await self._engine.connect()
        return await self._connection.execute(statement, parameters)

    async def _give_back(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Shielded: a caller that leaves while it is cancelled must not take the connection with it.
            await asyncio.shield(asyncio.ensure_future(connection.close()))
