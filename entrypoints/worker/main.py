"""The worker process: its composition, its start and its stop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final

from adapters.orchestration.prefect_orchestrator import PrefectOrchestrator
from adapters.proxies import InvalidProxy, find_proxy
from application.ports.telemetry.telemetry import Telemetry
from entrypoints.process import logging_config, parent_watch
from entrypoints.process.garbage_collection import exempt_from_garbage_collection
from entrypoints.process.process_exit import exit_immediately
from entrypoints.settings import Settings
from entrypoints.worker.client.api_client import ApiClient, TokenRejected, WorkerIdentity
from entrypoints.worker.prefect.server_wait import wait_until_healthy
from entrypoints.worker.prefect.web_recorder import WebRecorder
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker.runner.stage_environment import StageJobBuilder
from entrypoints.worker.runner.worker import Worker, WorkerTimings
from entrypoints.worker.runner.worker_setup import (
    build_stage_settings,
    check_proxies,
    get_version,
    get_worker_token,
    prepare_stage_hosts,
    use_prefect_environment,
)
from entrypoints.worker.stage_host.manager import StageHostManager

log = logging.getLogger("headgate.worker")

_FLUSH_SECONDS: Final = 1.0
"""The longest time that a stop waits for spans to be sent, in seconds."""
_RECORD_SECONDS: Final = 0.5
"""The longest time that a stop waits for Prefect to store the ends of flow runs, in seconds."""
_SIGNAL_SECONDS: Final = 0.5
"""How often the main thread looks for signals, in seconds. A signal that the system delivers to another thread does not wake it."""
_PREFECT_STOP_SECONDS: Final = 2.0
"""The longest time that a stop waits for Prefect's client to end, in seconds."""
_EXIT_SECONDS: Final = 15.0
"""The maximum time from the end of the last dispatch to the exit, in seconds. The stage host needs up to 12 s."""
_TOKEN_REJECTED_CODE: Final = 77
"""The exit code of a worker whose token Headgate rejects, EX_NOPERM of sysexits.h. A service manager must not restart it."""
_IMPORT_THREAD: Final = "import"
_ORPHAN_GRACE: Final = 4.0
"""Seconds from the end of the parent process to a forced exit."""


def serve(settings: Settings, telemetry: Telemetry) -> None:
    """Execute dispatches until SIGTERM or SIGINT, or until the parent process ends; then drain and return.

    Exit with code 77 if Headgate rejects the worker's token. Running stages are then ended, because they cannot be reported.
    """
    code = 0
    logging_config.configure(settings, "worker", telemetry)
    check_proxies(settings, os.environ)
    environment = use_prefect_environment(settings)
    try:
        WorkerProcess(settings, telemetry, environment).run()
    except TokenRejected as rejection:
        log.error(
            "Headgate rejects the token of this worker (%s). Create one on the page Tokens or with `headgate worker-tokens create NAME`, "
            "set it as HEADGATE_WORKER_TOKEN and start the worker again.",
            rejection,
        )
        code = _TOKEN_REJECTED_CODE
    finally:
        telemetry.flush(_FLUSH_SECONDS)
    if telemetry.is_on or _is_importing():
        exit_immediately(code)
    if code:
        sys.exit(code)


def _is_importing() -> bool:
    """Return whether a thread is importing a module. An interpreter that exits meanwhile may abort."""
    return any(thread.name == _IMPORT_THREAD for thread in threading.enumerate())


class WorkerProcess:
    """Runs the event loop in a thread, because Prefect's engine replaces the SIGTERM handler if it runs in the main thread."""

    def __init__(self, settings: Settings, telemetry: Telemetry, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._environment = environment
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: Worker | None = None
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._is_stopping = threading.Event()

    def run(self) -> None:
        """Run until drained. Raises the exception that ended the loop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._request_stop())
        parent_watch.watch_parent(self._on_parent_exit)
        thread = threading.Thread(target=self._run_loop, name="worker")
        thread.start()
        while thread.is_alive():
            thread.join(_SIGNAL_SECONDS)
        if self._failure is not None:
            raise self._failure

    def _request_stop(self) -> None:
        """Drain. A second SIGINT ends the process at once, and the stage host kills running stages."""
        if self._is_stopping.is_set():
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._is_stopping.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    def _on_parent_exit(self) -> None:
        log.warning("The parent process has ended: stopping.")
        self._request_stop()
        if self._loop is not None and self._worker is not None:
            self._loop.call_soon_threadsafe(self._worker.interrupt_all)
        threading.Timer(_ORPHAN_GRACE, os._exit, (1,)).start()

    def _run_loop(self) -> None:
        try:
            asyncio.run(self._run_worker())
        except BaseException as failure:
            self._failure = failure

    async def _run_worker(self) -> None:
        settings = self._settings
        self._loop = asyncio.get_running_loop()
        identity = WorkerIdentity(settings.worker_name, settings.pool, settings.worker_slots, get_version())
        token = get_worker_token(settings, self._environment)
        api = ApiClient(settings.public_url, token, identity, web_urls=settings.web_urls, environment=self._environment)
        hosts = await prepare_stage_hosts(settings)
        context = StageContext(
            hosts,
            StageJobBuilder(build_stage_settings(settings, self._environment)),
            api,
            settings.cancel_grace_seconds,
            telemetry=self._telemetry,
            forward_logs=settings.forward_stage_logs,
        )
        await hosts.ensure_started()
        timings = WorkerTimings(settings.heartbeat_seconds, settings.lease_seconds, settings.drain_seconds)
        worker = self._worker = Worker(context, Slots(settings.worker_slots), timings)
        if self._is_stopping.is_set():
            self._stop.set()
        prefect = asyncio.create_task(_run_prefect(settings, worker, api, self._environment))
        try:
            await worker.run(self._stop)
            await self._leave_unrecorded(worker, hosts)
            _limit_exit()
        finally:
            prefect.cancel()
            await asyncio.wait({prefect}, timeout=_PREFECT_STOP_SECONDS)
            await hosts.close()
            await api.close()

    async def _leave_unrecorded(self, worker: Worker, hosts: StageHostManager) -> None:
        """Exit at once if Prefect is late with the ends of flow runs; the reconciler sets their states.

        A flow run that is cancelled, as all tasks are when an event loop closes, would be stored as crashed.
        """
        if await worker.wait_until_recorded(_RECORD_SECONDS):
            return
        await hosts.close()
        self._telemetry.flush(_FLUSH_SECONDS)
        exit_immediately()


def _limit_exit() -> None:
    """Exit after `_EXIT_SECONDS`, whatever a library still waits for: all reports and output of the stages are stored."""
    timer = threading.Timer(_EXIT_SECONDS, exit_immediately)
    timer.daemon = True
    timer.start()


async def _run_prefect(settings: Settings, worker: Worker, api: ApiClient, environment: Mapping[str, str]) -> None:
    """Connect to Prefect once the message stream is open and Prefect's server responds.

    The import of Prefect takes seconds, so it runs in a thread and delays no stage. Without a server it would only take memory.

    A worker that does not know Prefect's address has the web record its dispatches.
    """
    if settings.prefect_api_url is None:
        worker.set_recorder(WebRecorder(api, worker.idle_window))
        return
    try:
        find_proxy(settings.prefect_api_url, environment)
    except InvalidProxy as reason:
        log.warning("Prefect at %s cannot be reached, so this worker does not show its runs there: %s", settings.prefect_api_url, reason)
        return
    await worker.connected.wait()
    prefect = PrefectOrchestrator(settings.prefect_api_url, settings.prefect_api_auth_string)
    try:
        await wait_until_healthy(prefect)
    finally:
        await prefect.close()
    interval = sys.getswitchinterval()
    # An import holds the interpreter lock for long; with a short switch interval the event loop keeps running.
    sys.setswitchinterval(0.0005)
    try:
        with exempt_from_garbage_collection():
            module: Any = await _import_in_thread("entrypoints.worker.prefect.integration")
    finally:
        sys.setswitchinterval(interval)
    logging_config.use_root_handlers("prefect")
    await module.run_integration(settings, worker, api)


async def _import_in_thread(name: str) -> Any:
    """Import a module in a daemon thread, which does not delay the end of the process."""
    loop = asyncio.get_running_loop()
    imported: asyncio.Future[Any] = loop.create_future()

    def settle(module: Any, error: BaseException | None) -> None:
        if imported.cancelled():
            return
        if error is None:
            imported.set_result(module)
        else:
            imported.set_exception(error)

    def import_module() -> None:
        module, failure = None, None
        try:
            module = importlib.import_module(name)
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, module, failure)

    threading.Thread(target=import_module, name=_IMPORT_THREAD, daemon=True).start()
    return await imported
