"""PostgreSQL as one object: the pool, and what the application gets of it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import URL, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.database_urls import libpq_url, sqlalchemy_url
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.feed.change_feed import PgChangeFeed
from adapters.persistence.readers.health_metrics import SqlHealthMetricsReader
from adapters.persistence.readers.reader import SqlReader
from adapters.persistence.repositories.definitions import DefinitionCache
from adapters.persistence.repositories.runs.run_cache import RunCache
from adapters.persistence.repositories.unit_of_work import SqlUnitOfWork
from adapters.persistence.retention import SqlRetention
from adapters.persistence.tables.runs import installation
from domain.errors import Unavailable

CONNECT_SECONDS = 5
SESSION_SETTINGS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "default_transaction_isolation": r"read\ committed",
    "TimeZone": "UTC",
    "jit": "off",
}


class Database:
    """A PostgreSQL 14+ at `url` (`postgresql://…`).

    While it is lost everything here raises Unavailable, and works again once it is back; no restart is needed.
    """

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self._address = sqlalchemy_url(url)
        self._engine = _engine(self._address, pool_size)
        self._definitions = DefinitionCache(size=2_000)
        self._runs = RunCache()
        self._installation: str | None = None
        self._connections = ConnectionPool(self._engine)
        self.reader = SqlReader(self._connections, self._definitions)
        self.vitals = SqlHealthMetricsReader(self._connections)
        self.retention = SqlRetention(self._connections)
        self.change_feed = PgChangeFeed(self._connections, libpq_url(url))

    async def start(self) -> None:
        """Open a first connection and read who this database is. Unavailable when it does not answer or is not migrated."""
        statements = SqlTransaction(self._connections)
        try:
            result = await statements.run(select(installation.c.id))
            self._installation = str(result.scalar_one())
        finally:
            await statements.end()
        await self.change_feed.start()

    async def stop(self) -> None:
        await self.change_feed.stop()
        await self._connections.close()
        await self._engine.dispose()

    @property
    def installation(self) -> str:
        """The identifier this database was given when it was first migrated; known once `start` has returned, Unavailable before."""
        if self._installation is None:
            raise Unavailable("Headgate is starting: it has not reached its database yet.")
        return self._installation

    @property
    def engine(self) -> AsyncEngine:
        return self._engine

    def open_unit_of_work(self) -> SqlUnitOfWork:
        return SqlUnitOfWork(self._connections, self._definitions, self._runs)


def _as_json(value: Any) -> bytes | str:
    """Rows travel as JSON, moments in ISO 8601, so its speed is that of every report; what orjson refuses, such as a key that is no text,
    goes the slow way."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, default=datetime.isoformat)


def _engine(address: URL, pool_size: int) -> AsyncEngine:
    given = address.query.get("options", "")
    options = " ".join(
        [*(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items()), given if isinstance(given, str) else " ".join(given)]
    )
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "headgate", "options": options.strip()}
    return create_async_engine(
        address.difference_update_query(["options"]),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=3.0,
        pool_use_lifo=True,
        connect_args=arguments,
        json_serializer=_as_json,
        json_deserializer=orjson.loads,
        use_native_hstore=False,  # saves a query on every new connection
    )
