"""`headgate web`: the API, the pages and the background services in one process."""

import asyncio
import contextlib
import gc
import math
import os
import sys
import threading
from collections.abc import AsyncIterator, Coroutine
from types import FrameType
from typing import Any, Literal

import structlog
import uvicorn
from fastapi import FastAPI

from application.ports.telemetry.telemetry import Telemetry
from application.services.loop import no_wait, run_service, wait_seconds
from application.services.maintenance.metrics_collector import COLLECT_INTERVAL_SECONDS
from domain.errors import Unavailable
from entrypoints.api import routers as api
from entrypoints.container import Adapters, Application
from entrypoints.http.app import Lifespan, create_app
from entrypoints.http.example_pipelines import register_example_pipelines
from entrypoints.http.protocol import BoundedProtocol
from entrypoints.process import failpoints, logging_config
from entrypoints.process.parent_watch import watch_parent
from entrypoints.process.process_exit import exit_immediately
from entrypoints.settings import Settings
from entrypoints.web import router
from entrypoints.web.pages.errors import error_page

_FLUSH_SECONDS = 1.0
"""Seconds that spans on their way to an agent may take from a stop."""
_LOOP: Literal["asyncio", "uvloop"] = "asyncio" if sys.platform == "win32" else "uvloop"
_GC_THRESHOLD = 10_000
"""Objects made before the young ones are looked through for cycles: a batch of reports makes thousands, and hardly a cycle."""

log = structlog.get_logger("headgate.web")


def serve(settings: Settings, telemetry: Telemetry) -> None:
    """Serve until TERM or INT, or until `headgate up` is gone."""
    logging_config.configure(settings, "web", telemetry)
    server = _Server(build_application(settings, telemetry), settings)
    watch_parent(server.stop)
    server.run()
    telemetry.flush(_FLUSH_SECONDS)
    if telemetry.is_on:
        exit_immediately()


def build_application(settings: Settings, telemetry: Telemetry) -> Application:
    """The application on the real adapters."""
    adapters = Adapters(settings=settings, telemetry=telemetry)
    failpoints.enable_failpoints(adapters, os.environ)
    return Application(settings=settings, adapters=adapters, telemetry=telemetry)


def build_proxy_options(settings: Settings) -> dict[str, Any]:
    """Whom the server believes about who asks; by itself it would believe anything on loopback."""
    return {"proxy_headers": bool(settings.trusted_proxies), "forwarded_allow_ips": settings.trusted_proxies}


def build_app(application: Application, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the API and the pages as one application."""
    app = create_app(application, (*api.ROUTERS, *router.ROUTERS), plain_routes=api.PLAIN_ROUTES, lifespan=lifespan, error_page=error_page)
    api.add_state(app)
    return app


class _Server(uvicorn.Server):
    """Ends the endless streams first, so that the rest can finish in its own time."""

    def __init__(self, application: Application, settings: Settings) -> None:
        app = build_app(application, lifespan=_lifespan(application, settings))
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop=_LOOP,
                http=BoundedProtocol,
                log_config=None,
                access_log=False,
                server_header=False,
                **build_proxy_options(settings),
                timeout_graceful_shutdown=math.ceil(settings.drain_seconds) + 1,
            )
        )
        self._application = application

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """May be called from any thread, more than once."""
        self.should_exit = True
        if threading.current_thread() is threading.main_thread():
            self._end_streams()
        elif loop := getattr(self, "_loop", None):
            loop.call_soon_threadsafe(self._end_streams)

    def _end_streams(self) -> None:
        self._application.hub().close()
        self._application.adapters.links().close()

    async def startup(self, sockets: Any = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)


def _lifespan(application: Application, settings: Settings) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        life = asyncio.create_task(_run_background(app, application, settings))
        try:
            yield
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            for lane in (application.report_batcher(), application.advance_batcher(), application.trigger_batcher()):
                await lane.drain()
            await application.adapters.orchestrator().close()
            for audience in application.adapters.audiences():
                await audience.close()
            if (provider := application.adapters.identity_provider()) is not None:
                await provider.close()
            await application.adapters.database().stop()

    return lifespan


async def _run_background(app: FastAPI, application: Application, settings: Settings) -> None:
    """Reach the database, however long it takes, then keep the services running; the page answers meanwhile."""
    database = application.adapters.database()
    while True:
        try:
            await database.start()
            break
        except Unavailable as error:
            app.state.why_not_ready = str(error)
            await asyncio.sleep(0.5)
    if settings.examples:
        app.state.why_not_ready = "The example pipelines are being registered."
        await _register_examples(application)
    app.state.why_not_ready = None
    _freeze_loaded_objects()
    async with asyncio.TaskGroup() as group:
        for work in _background(application):
            group.create_task(work)


def _freeze_loaded_objects() -> None:
    """What was imported and built stays until the end: a search for cycles need not go through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 20, 20)


def _background(application: Application) -> list[Coroutine[Any, Any, None]]:
    announce, offers, relay = application.announce(), application.dispatcher(), application.outbox_relay()
    keeping = application.retention_pruner()
    return [
        run_service(announce, announce.wait, _log_service_error),
        run_service(application.feed_reader(), no_wait, _log_service_error),
        run_service(offers, offers.wait, _log_service_error),
        run_service(relay, relay.wait, _log_service_error),
        run_service(application.lease_sweeper(), wait_seconds(1.0), _log_service_error),
        run_service(application.due_run_sweeper(), wait_seconds(0.25), _log_service_error),
        run_service(application.reconcile(), wait_seconds(5.0), _log_service_error),
        *([run_service(application.metrics_collector(), wait_seconds(COLLECT_INTERVAL_SECONDS), _log_service_error)] if application.telemetry().is_on else []),
        run_service(keeping, keeping.wait, _log_service_error),
        *(run_service(announcer, wait_seconds(1.0), _log_service_error) for announcer in application.lifecycle_publishers()),
    ]


async def _register_examples(application: Application) -> None:
    while True:
        try:
            names = await register_example_pipelines(application.create_pipeline(), application.adapters.open_unit_of_work())
            break
        except Unavailable:
            await asyncio.sleep(0.5)
    if names:
        log.info("example pipelines registered", names=names)


def _log_service_error(service: str, error: Exception) -> None:
    if isinstance(error, Unavailable):
        log.warning("service waits", service=service, why=str(error))
    else:
        log.error("service pass failed", service=service, exc_info=error)
