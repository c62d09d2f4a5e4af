"""A migrated database behind the real adapter, and what tests watch of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import psycopg
from sqlalchemy import event, text

from adapters.persistence.connection.compiled_statements import BoundStatement
from adapters.persistence.connection.database_urls import libpq_url
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.database import Database
from adapters.persistence.migrate import upgrade
from application.ports.persistence.unit_of_work import UnitOfWork


@asynccontextmanager
async def a_started_database(url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(upgrade, url)
    database = Database(url)
    await database.start()
    try:
        yield database
    finally:
        await database.stop()


@asynccontextmanager
async def all_connections_taken(url: str) -> AsyncIterator[tuple[UnitOfWork, UnitOfWork]]:
    """One that holds the last connection there is, and one that has none yet."""
    small = Database(url, pool_size=1)
    try:
        async with small.open_unit_of_work() as first, small.open_unit_of_work() as last, small.open_unit_of_work() as another:
            await first.pipelines.count()
            await last.pipelines.count()
            yield last, another
    finally:
        await small.stop()


@contextmanager
def record_statements(database: Database) -> Iterator[list[str]]:
    """The statements the database is sent meanwhile, one by one or together."""
    sent: list[str] = []
    exchange = SqlTransaction._exchange

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    async def noted(self: SqlTransaction, batch: Sequence[BoundStatement], commit: bool = False) -> list[list[Any]]:
        sent.extend(statement.text for statement, _ in batch)
        return await exchange(self, batch, commit)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        with patch.object(SqlTransaction, "_exchange", noted):
            yield sent
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


@contextmanager
def record_round_trips(database: Database) -> Iterator[list[int]]:
    """How many statements went with each round trip meanwhile; a commit that goes with none is one too."""
    trips: list[int] = []
    exchange, execute = SqlTransaction._exchange, SqlTransaction._execute

    async def together(self: SqlTransaction, batch: Sequence[BoundStatement], commit: bool = False) -> list[list[Any]]:
        trips.append(len(batch))
        return await exchange(self, batch, commit)

    async def alone(self: SqlTransaction, *asked: Any) -> Any:
        trips.append(1)
        return await execute(self, *asked)

    with patch.object(SqlTransaction, "_exchange", together), patch.object(SqlTransaction, "_execute", alone):
        yield trips


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
    """Cut the connections of this name, as a restarting server does; says how many there were. By a connection of its own: one of the
    pool's may still be dying of the cut before."""
    address = libpq_url(database.engine.url.render_as_string(hide_password=False))
    named = "datname = current_database() AND application_name = %(application)s"
    cut = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {named}"
    async with await psycopg.AsyncConnection.connect(address, autocommit=True, application_name="a-test") as connection:
        ((ended,),) = await (await connection.execute(cut, {"application": application})).fetchall()
    return int(ended)
