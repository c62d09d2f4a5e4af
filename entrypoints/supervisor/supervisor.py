"""`headgate up`: PostgreSQL, Prefect, the web and a worker on one machine, told plainly and ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.system.network import wait_until_healthy
from entrypoints.settings import Settings
from entrypoints.supervisor.instance_lock import hold_instance_lock
from entrypoints.supervisor.managed_process import ManagedProcess, ProcessSpec
from entrypoints.supervisor.migration_process import MigrationProcess
from entrypoints.supervisor.process_plan import ProcessPlan, ServiceAddresses

Migrate = Callable[[str], object]
"""Brings the database at a URL to the newest schema; blocking."""

_WATCH_SECONDS = 1.0
_WEB_SECONDS = 60.0


class Supervisor:
    """Everything on one machine, until Ctrl-C or TERM. A second one hurries.

    Order of the start: PostgreSQL, migrations, then web and worker, and Prefect beside them. Of the stop: worker, web, Prefect, PostgreSQL.
    """

    def __init__(self, settings: Settings, plan: ProcessPlan | None = None, migrate: Migrate | None = None) -> None:
        self._settings = settings
        self._plan = plan or ProcessPlan(settings)
        self._migrate = migrate
        self._migration: MigrationProcess | None = None
        self._began = time.monotonic()
        self._stop, self._hurry = asyncio.Event(), asyncio.Event()
        self._postgres = EmbeddedPostgres(settings.home) if settings.database_url is None else None
        self._starting: asyncio.Future[None] | None = None
        self._children: list[ManagedProcess] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Return after a stop that was asked for. Raises StartError or EmbeddedServerError, in one line, when it cannot start."""
        with hold_instance_lock(self._settings.home, self._settings.host, self._settings.port):
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._asked_to_stop)
            read_end, write_end = os.pipe()
            try:
                await self._until_stopped(self._start(read_end))
                await self._stop.wait()
            finally:
                await self._end()
                os.close(read_end)
                os.close(write_end)

    async def _start(self, parent_fd: int) -> None:
        if (migrate := self._migrate) is None:
            migrate = self._migration = MigrationProcess()
        database_url, prefect_database_url = await self._database()
        await asyncio.to_thread(migrate, database_url)
        self._say("database migrated")
        addresses = self._plan.addresses(database_url, prefect_database_url)
        for spec in self._plan.children(addresses):
            child = ManagedProcess(spec, parent_fd, self._say)
            self._children.append(child)
            child.start()
            self._say(_starting(spec))
        self._beside(self._tell_web())
        self._beside(self._tell_prefect(addresses))

    async def _database(self) -> tuple[str, str | None]:
        settings = self._settings
        if settings.database_url is not None:
            prefect = settings.prefect_database_url
            return settings.database_url.get_secret_value(), prefect.get_secret_value() if prefect else None
        assert self._postgres is not None
        self._say("starting PostgreSQL")
        await self._start_postgres(self._postgres)
        if self._postgres.note:
            self._say(self._postgres.note)
        self._say("PostgreSQL ready" + (", adopted: it was still running" if self._postgres.adopted else ""))
        self._beside(self._keep_postgres(self._postgres))
        return self._postgres.url(), self._postgres.prefect_url()

    async def _start_postgres(self, postgres: EmbeddedPostgres) -> None:
        # A thread cannot be cancelled: whoever stops waits for it, lest it start a server that nobody stops.
        self._starting = asyncio.ensure_future(asyncio.to_thread(postgres.start))
        await asyncio.shield(self._starting)

    async def _keep_postgres(self, postgres: EmbeddedPostgres) -> None:
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if not postgres.alive():
                self._say("PostgreSQL ended; starting it again")
                with contextlib.suppress(Exception):
                    await self._start_postgres(postgres)
                    self._say("PostgreSQL ready again")

    async def _tell_web(self) -> None:
        url = self._settings.public_url
        local = f"{Settings.model_construct(host=self._settings.host, port=self._settings.port, url='').public_url}/livez"
        if await wait_until_healthy(local, _WEB_SECONDS):
            self._say(f"ready: open {url}  (Ctrl-C stops everything)")
        else:
            self._say(f"the web does not answer on {local} after {_WEB_SECONDS:g} s")

    async def _tell_prefect(self, addresses: ServiceAddresses) -> None:
        if addresses.prefect is None:
            return
        if await wait_until_healthy(addresses.prefect.health_url):
            self._say(f"Prefect ready: {addresses.prefect.url}")
        else:
            self._say(f"Prefect does not answer; see {self._plan.prefect_log}")

    async def _until_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work`, or leave it when a stop is asked for."""
        working, stopped = asyncio.create_task(work), asyncio.create_task(self._stop.wait())
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if working.done():
            working.result()
        else:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _end(self) -> None:
        if self._migration is not None:
            self._migration.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for child in sorted(self._children, key=lambda one: self._plan.stop_order(one.spec.name)):
            await child.stop(self._hurry)
            self._say(f"{child.spec.name} stopped")
        if self._postgres is not None and self._starting is not None:
            await asyncio.to_thread(self._postgres.stop)
            await asyncio.gather(self._starting, return_exceptions=True)
            await asyncio.to_thread(self._postgres.stop)  # for a start whose thread had not begun at the first
            self._say("PostgreSQL stopped")

    def _asked_to_stop(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        else:
            self._say("stopping; once more to hurry")
        self._stop.set()

    def _beside(self, work: Awaitable[None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that went away is no reason to leave processes behind
            print(f"headgate {time.monotonic() - self._began:6.1f}s  {text}", flush=True)


def _starting(spec: ProcessSpec) -> str:
    if spec.name == "prefect":
        return "starting Prefect beside; it takes 7 to 25 s, and no run waits for it"
    return f"starting the {spec.name}"
