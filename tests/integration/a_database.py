"""A migrated database behind the real adapter, and what tests watch of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import event, text

from adapters.persistence.database import Database
from adapters.persistence.migrate import upgrade


@asynccontextmanager
async def a_started_database(url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(upgrade, url)
    database = Database(url)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


@contextmanager
def statements_of(database: Database) -> Iterator[list[str]]:
    """The statements the database is sent meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


async def ask(database: Database, query: str, **parameters: Any) -> Any:
    """The one value that the query gives."""
    async with database.engine.connect() as connection:
        return (await connection.execute(text(query), parameters)).scalar()


async def until_someone_waits_for_a_lock(database: Database, seconds: float = 5.0) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = asyncio.get_running_loop().time() + seconds
    while not await ask(database, waiting):
        assert asyncio.get_running_loop().time() < deadline, "nobody waits for a lock"


async def end_sessions(database: Database, application: str) -> int:
    """Cut the connections of this name, as a restarting server does; says how many there were."""
    ended = await ask(
        database,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name = :application AND pid <> pg_backend_pid()",
        application=application,
    )
    return int(ended)
