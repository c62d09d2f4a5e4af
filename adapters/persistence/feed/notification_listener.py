"""Receives notifications on a connection of its own, and reconnects when it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import psycopg
from psycopg.conninfo import make_conninfo

from adapters.persistence.connection.network_limits import NETWORK_LIMITS

CHANNEL = "headgate"
_CHECK_INTERVAL_SECONDS = 15.0
"""After this time without a notification, a query checks the connection."""
_MAX_RECONNECT_DELAY = 2.0
_MAX_STORED_RUNS = 10_000

log = logging.getLogger("headgate.persistence")


class NotificationListener:
    """Notifications are stored until the next `wait`, so none is missed between two calls.

    After a reconnection, `wait` returns at once, since notifications may have been missed.
    """

    def __init__(self, url: str) -> None:
        self._url = make_conninfo(url, connect_timeout=5, application_name="headgate-listener", **NETWORK_LIMITS)
        self._task: asyncio.Task[None] | None = None
        self._notified = asyncio.Event()
        self._started = asyncio.Event()
        self._was_disconnected = False
        self._logs: dict[int, None] = {}

    async def start(self) -> None:
        """Return when it listens or when the first attempt to connect failed. It keeps trying in the background."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_listening(), name="headgate-listener")
        await self._started.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def wait(self, seconds: float) -> Sequence[int]:
        try:
            async with asyncio.timeout(seconds):
                await self._notified.wait()
        except TimeoutError:
            return []
        self._notified.clear()
        run_ids, self._logs = list(self._logs), {}
        return run_ids

    async def _keep_listening(self) -> None:
        delay = 0.1
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    delay = 0.1
                    self._started.set()
                    if self._was_disconnected:
                        self._notified.set()
                    await self._listen(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("the listener cannot connect: %s", str(error).strip())
            finally:
                self._was_disconnected = True
                self._started.set()
            await asyncio.sleep(delay)
            delay = min(delay * 2, _MAX_RECONNECT_DELAY)

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        while True:
            async for notice in connection.notifies(timeout=_CHECK_INTERVAL_SECONDS):
                self._store(notice.payload)
            await connection.execute("SELECT 1")

    def _store(self, payload: str) -> None:
        if len(self._logs) < _MAX_STORED_RUNS:
            self._logs.update(dict.fromkeys(int(run_id) for run_id in payload.split(",") if run_id.isascii() and run_id.isdigit()))
        self._notified.set()
