"""The PostgreSQL database: its connection pool, and the ports that are implemented on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import URL, event, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.persistence.connection.clock import NOW
from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.database_urls import libpq_url, sqlalchemy_url
from adapters.persistence.connection.json_codec import dump_json, load_json
from adapters.persistence.connection.network_limits import NETWORK_LIMITS
from adapters.persistence.connection.query_recorder import QueryRecorder
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.database_clock import DatabaseClock
from adapters.persistence.feed.change_feed import PgChangeFeed
from adapters.persistence.pipeline_removal import SqlPipelineRemoval
from adapters.persistence.readers.health_metrics import SqlHealthMetricsReader
from adapters.persistence.readers.reader import SqlReader
from adapters.persistence.repositories.definitions import DefinitionCache
from adapters.persistence.repositories.runs.run_cache import RunCache
from adapters.persistence.repositories.unit_of_work import SqlUnitOfWork
from adapters.persistence.retention import SqlRetention
from adapters.persistence.tables.installation import installation
from domain.errors import Unavailable

CONNECT_TIMEOUT_SECONDS = 5
POOL_TIMEOUT_SECONDS = 3.0
SESSION_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "default_transaction_isolation": r"read\ committed",
    "TimeZone": "UTC",
    "jit": "off",
}


class Database:
    """A PostgreSQL database, version 14 or newer, at `url` (`postgresql://…`).

    While the server does not respond, all methods raise Unavailable. They work again once it is back, without a restart.
    `pool_size` connections stay open; as many again are opened under load.
    """

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self._engine = _create_engine(sqlalchemy_url(url), pool_size)
        self._connections = ConnectionPool(self._engine)
        self._definitions = DefinitionCache(size=2_000)
        self._runs = RunCache()
        self._installation: str | None = None
        self.reader = SqlReader(self._connections, self._definitions)
        self.vitals = SqlHealthMetricsReader(self._connections)
        self.retention = SqlRetention(self._connections)
        self.pipeline_removal = SqlPipelineRemoval(self._connections)
        self.change_feed = PgChangeFeed(self._connections, libpq_url(url))
        self.clock = DatabaseClock(self._read_time)
        event.listen(self._engine.sync_engine, "connect", lambda *_: self.clock.note_new_connection())

    async def start(self) -> None:
        """Connect, read the installation id and the clock. Raise Unavailable if the database does not respond or is not migrated."""
        transaction = SqlTransaction(self._connections)
        try:
            result = await transaction.execute(select(installation.c.id))
            self._installation = str(result.scalar_one())
        finally:
            await transaction.close()
        await self.clock.measure()
        await self.change_feed.start()

    async def stop(self) -> None:
        await self.change_feed.stop()
        await self._engine.dispose()

    @property
    def installation(self) -> str:
        """Return the id that the database got at its first migration. Raise Unavailable before `start` has returned."""
        if self._installation is None:
            raise Unavailable("Headgate is starting: it has not connected to its database yet.")
        return self._installation

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    def open_unit_of_work(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self._connections, self._definitions, self._runs)

    async def _read_time(self) -> datetime:
        transaction = SqlTransaction(self._connections, None)
        try:
            timestamp: datetime = (await transaction.execute(select(NOW))).scalar_one()
            return timestamp
        finally:
            await transaction.close()

    @contextmanager
    def record_queries(self) -> Iterator[QueryRecorder]:
        """Record every query that this object sends inside the block."""
        with self._connections.record_queries() as recorder:
            yield recorder


def _create_engine(url: URL, pool_size: int) -> AsyncEngine:
    requested = url.query.get("options", "")
    settings = [f"-c {name}={value}" for name, value in SESSION_SETTINGS.items()]
    options = " ".join([*settings, requested if isinstance(requested, str) else " ".join(requested)]).strip()
    connect_args: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "headgate", "options": options}
    connect_args |= NETWORK_LIMITS
    return create_async_engine(
        url.difference_update_query(["options"]),
        isolation_level="AUTOCOMMIT",  # SqlTransaction sends BEGIN and COMMIT itself
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_use_lifo=True,
        connect_args=connect_args,
        json_serializer=dump_json,
        json_deserializer=load_json,
        use_native_hstore=False,  # saves a query on every new connection
    )
