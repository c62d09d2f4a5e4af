"""Hears announcements on a connection of its own, and connects again when it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import psycopg

CHANNEL = "headgate"
_QUIET_SECONDS = 15.0
"""After this long without a word the connection is asked whether it still lives."""
_LONGEST_PAUSE = 2.0
_MOST_KEPT = 10_000

log = logging.getLogger("headgate.persistence")


class NotificationListener:
    """Announcements are kept until someone waits, so none is missed between two waits.

    After a time without a connection it wakes whoever waits, so that they read what they did not hear of.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._task: asyncio.Task[None] | None = None
        self._announced = asyncio.Event()
        self._settled = asyncio.Event()
        self._was_deaf = False
        self._logs: dict[int, None] = {}

    async def start(self) -> None:
        """Return once it listens, or when it could not at the first try; it goes on trying."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_listening(), name="headgate-listener")
        await self._settled.wait()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def wait(self, seconds: float) -> Sequence[int]:
        try:
            async with asyncio.timeout(seconds):
                await self._announced.wait()
        except TimeoutError:
            return []
        self._announced.clear()
        grown, self._logs = list(self._logs), {}
        return grown

    async def _keep_listening(self) -> None:
        pause = 0.1
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=5, application_name="headgate-listener"
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    pause = 0.1
                    self._settled.set()
                    if self._was_deaf:
                        self._announced.set()
                    await self._listen(connection)
            except (psycopg.Error, OSError) as error:
                log.warning("the listener has no connection: %s", str(error).strip())
            finally:
                self._was_deaf = True
                self._settled.set()
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _listen(self, connection: psycopg.AsyncConnection) -> None:
        while True:
            async for notice in connection.notifies(timeout=_QUIET_SECONDS):
                self._hear(notice.payload)
            await connection.execute("SELECT 1")

    def _hear(self, payload: str) -> None:
        if len(self._logs) < _MOST_KEPT:
            self._logs.update(dict.fromkeys(int(run_id) for run_id in payload.split(",") if run_id.isascii() and run_id.isdigit()))
        self._announced.set()
