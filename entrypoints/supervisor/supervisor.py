"""`headgate up`: run PostgreSQL, Prefect, the web and a worker on one machine, and stop them in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from adapters.orchestration.server_health import wait_until_healthy
from adapters.persistence.embedded.server import EmbeddedPostgres
from entrypoints.settings import Settings
from entrypoints.supervisor.folder_progress import wait_for_folder
from entrypoints.supervisor.home_folder import explain_file_errors
from entrypoints.supervisor.instance_lock import StartError, hold_instance_lock
from entrypoints.supervisor.managed_process import ManagedProcess, ProcessSpec
from entrypoints.supervisor.migration_process import MigrationProcess
from entrypoints.supervisor.process_plan import ProcessPlan, ServiceAddresses

Migrate = Callable[[str], object]
"""Upgrades the schema of the database at a URL. Blocks."""

_POSTGRES_CHECK_SECONDS = 1.0
_WEB_START_SECONDS = 60.0


class Supervisor:
    """Runs everything until INT or TERM. A second signal makes it stop without waiting.

    It starts PostgreSQL, migrates, then starts the web, the worker and Prefect. It stops the worker, the web, Prefect and PostgreSQL.
    """

    def __init__(self, settings: Settings, plan: ProcessPlan | None = None, migrate: Migrate | None = None) -> None:
        self._settings = settings
        self._plan = plan or ProcessPlan(settings)
        self._migrate = migrate
        self._migration: MigrationProcess | None = None
        self._started_at = time.monotonic()
        self._stop_requested, self._hurry = asyncio.Event(), asyncio.Event()
        self._postgres = EmbeddedPostgres(settings.home) if settings.database_url is None else None
        self._postgres_start: asyncio.Future[None] | None = None
        self._processes: list[ManagedProcess] = []
        self._failed_process: str | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Return after a requested stop. Raise StartError or EmbeddedServerError, with a one-line message, if something cannot start."""
        with hold_instance_lock(self._settings.home, self._settings.host, self._settings.port):
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._request_stop)
            read_end, write_end = os.pipe()
            try:
                await self._run_unless_stopped(self._start(read_end))
                await self._stop_requested.wait()
            finally:
                await self._stop_everything()
                os.close(read_end)
                os.close(write_end)
        if self._failed_process is not None:
            raise StartError(f"Headgate stopped because the {self._failed_process} cannot start; its message is above.")

    async def _start(self, parent_fd: int) -> None:
        if (migrate := self._migrate) is None:
            migrate = self._migration = MigrationProcess()
        with explain_file_errors(self._settings.home):
            await self._start_processes(parent_fd, migrate)

    async def _start_processes(self, parent_fd: int, migrate: Migrate) -> None:
        database_url, prefect_database_url = await self._prepare_database()
        await asyncio.to_thread(migrate, database_url)
        self._print("database migrated")
        addresses = self._plan.resolve_addresses(database_url, prefect_database_url)
        for spec in self._plan.build_specs(addresses):
            process = ManagedProcess(spec, parent_fd, self._print, self._stop_after_start_error)
            self._processes.append(process)
            process.start()
            self._print(_describe_start(spec))
        self._run_in_background(self._announce_web())
        self._run_in_background(self._announce_prefect(addresses))

    async def _prepare_database(self) -> tuple[str, str | None]:
        """Return the URLs of Headgate's database and of Prefect's. Start the embedded server if none is configured."""
        settings = self._settings
        if settings.database_url is not None:
            prefect = settings.prefect_database_url
            return settings.database_url.get_secret_value(), prefect.get_secret_value() if prefect else None
        assert self._postgres is not None
        self._print("starting PostgreSQL")
        await self._start_postgres(self._postgres)
        if self._postgres.note:
            self._print(self._postgres.note)
        self._print("PostgreSQL ready" + (" (adopted: it was still running)" if self._postgres.adopted else ""))
        self._run_in_background(self._restart_postgres(self._postgres))
        return self._postgres.url(), self._postgres.prefect_url()

    async def _start_postgres(self, postgres: EmbeddedPostgres) -> None:
        # A thread cannot be cancelled. A stop waits for it; otherwise the thread could start a server that nothing stops.
        self._postgres_start = asyncio.ensure_future(asyncio.to_thread(postgres.start))
        await asyncio.shield(self._postgres_start)

    async def _restart_postgres(self, postgres: EmbeddedPostgres) -> None:
        """Check the server regularly and start it again when it has died."""
        while True:
            await asyncio.sleep(_POSTGRES_CHECK_SECONDS)
            if not postgres.alive():
                self._print("PostgreSQL ended; restarting it")
                with contextlib.suppress(Exception):
                    await self._start_postgres(postgres)
                    self._print("PostgreSQL ready again")

    async def _announce_web(self) -> None:
        url = self._settings.public_url
        local = f"{self._settings.local_url}/livez"
        if await wait_until_healthy(local, _WEB_START_SECONDS):
            if self._settings.pipelines is not None:
                await wait_for_folder(self._settings.local_url, self._print)
            self._print(f"ready: open {url}  (Ctrl-C stops everything)")
        else:
            self._print(f"the web server does not respond on {local} after {_WEB_START_SECONDS:g} s")

    async def _announce_prefect(self, addresses: ServiceAddresses) -> None:
        if addresses.prefect is None:
            return
        if await wait_until_healthy(addresses.prefect.health_url):
            self._print(f"Prefect ready: {addresses.prefect.url}")
        else:
            self._print(f"Prefect does not respond; see {self._plan.prefect_log}")

    async def _run_unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`; cancel it when a stop is requested."""
        working, stopped = asyncio.create_task(work), asyncio.create_task(self._stop_requested.wait())
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if working.done():
            working.result()
        else:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _stop_everything(self) -> None:
        if self._migration is not None:
            self._migration.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in sorted(self._processes, key=lambda each: self._plan.get_stop_position(each.spec.name)):
            await process.stop(self._hurry)
            self._print(f"{process.spec.name} stopped")
        if self._postgres is not None and self._postgres_start is not None:
            await asyncio.to_thread(self._postgres.stop)
            await asyncio.gather(self._postgres_start, return_exceptions=True)
            await asyncio.to_thread(self._postgres.stop)  # for a start whose thread had not begun at the first stop
            self._print("PostgreSQL stopped")

    def _stop_after_start_error(self, name: str) -> None:
        self._failed_process = self._failed_process or name
        self._stop_requested.set()

    def _request_stop(self) -> None:
        if self._stop_requested.is_set():
            self._hurry.set()
        else:
            self._print("stopping; press Ctrl-C again to stop at once")
        self._stop_requested.set()

    def _run_in_background(self, work: Awaitable[None]) -> None:
        self._tasks.add(asyncio.ensure_future(work))

    def _print(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not keep the processes from being stopped
            print(f"headgate {time.monotonic() - self._started_at:6.1f}s  {text}", flush=True)


def _describe_start(spec: ProcessSpec) -> str:
    if spec.name == "prefect":
        return "starting Prefect in the background (7 to 25 s; runs do not wait for it)"
    return f"starting the {spec.name}"
