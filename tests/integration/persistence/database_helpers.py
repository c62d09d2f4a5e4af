"""A migrated database with the real adapter, and helpers that observe it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from sqlalchemy import text

from adapters.persistence.connection.database_urls import libpq_url
from adapters.persistence.database import Database
from application.ports.persistence.unit_of_work import UnitOfWork


@asynccontextmanager
async def a_started_database(url: str) -> AsyncIterator[Database]:
    """Open the migrated database at this address, until the block ends."""
    database = Database(url)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


@asynccontextmanager
async def all_connections_taken(url: str) -> AsyncIterator[tuple[UnitOfWork, UnitOfWork]]:
    """Yield a unit of work that holds the last connection, and one that has none yet."""
    small = Database(url, pool_size=1)
    try:
        async with small.open_unit_of_work() as first, small.open_unit_of_work() as last, small.open_unit_of_work() as another:
            await first.pipelines.count()
            await last.pipelines.count()
            yield last, another
    finally:
        await small.stop()


async def query_value(database: Database, query: str, **parameters: Any) -> Any:
    """Return the single value of the query."""
    async with database.engine.connect() as connection:
        return (await connection.execute(text(query), parameters)).scalar()


async def until_a_session_waits_for_a_lock(database: Database, seconds: float = 5.0) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = asyncio.get_running_loop().time() + seconds
    while not await query_value(database, waiting):
        assert asyncio.get_running_loop().time() < deadline, "no session waits for a lock"


async def end_sessions(database: Database, application: str) -> int:
    """Cut the sessions of this application, as a restarting server does, and return their number.

    The query uses a connection of its own, since those of the pool may have been cut.
    """
    address = libpq_url(database.engine.url.render_as_string(hide_password=False))
    named = "datname = current_database() AND application_name = %(application)s"
    cut = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {named}"
    async with await psycopg.AsyncConnection.connect(address, autocommit=True, application_name="a-test") as connection:
        ((ended,),) = await (await connection.execute(cut, {"application": application})).fetchall()
    return int(ended)
