"""`headgate web`: the API, the pages and the background services in one process."""

import asyncio
import faulthandler
import math
import os
import sys
import threading
from types import FrameType
from typing import Any, Final, Literal, NoReturn

import structlog
import uvicorn
from fastapi import FastAPI

from application.ports.telemetry.telemetry import Telemetry
from entrypoints.api import routers as api
from entrypoints.container import Adapters, Application
from entrypoints.http.app import Lifespan, create_app
from entrypoints.http.lifespan import STOP_SECONDS, build_lifespan
from entrypoints.http.protocol import BoundedProtocol
from entrypoints.process import failpoints, logging_config
from entrypoints.process.parent_watch import watch_parent
from entrypoints.process.process_exit import exit_after, exit_immediately
from entrypoints.settings import Settings
from entrypoints.web import router as web
from entrypoints.web.pages.errors import error_page

_FLUSH_SECONDS: Final = 1.0
"""Time for sending the last spans to the agent."""
_SPARE_SECONDS: Final = 2.0
"""Time for the flush and for everything else that a stop does, before the process ends itself."""
_LOOP: Final[Literal["asyncio", "uvloop"]] = "asyncio" if sys.platform == "win32" else "uvloop"

log = structlog.get_logger("headgate.web")


def serve(settings: Settings, telemetry: Telemetry) -> None:
    """Serve until TERM or INT, or until the parent process (`headgate up`) ends."""
    logging_config.configure(settings, "web", telemetry)
    run_server(build_application(settings, telemetry), settings, telemetry)


def run_server(application: Application, settings: Settings, telemetry: Telemetry) -> NoReturn:
    """Serve until the process is stopped, then exit. Do not wait for tasks and threads that have not ended by then."""
    server = WebServer(application, settings)
    watch_parent(server.stop)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve())
        telemetry.flush(_FLUSH_SECONDS)
        exit_immediately()  # closing the runner would wait without a limit


def build_application(settings: Settings, telemetry: Telemetry) -> Application:
    """Return the use cases and services on the real adapters."""
    adapters = Adapters(settings=settings, telemetry=telemetry)
    failpoints.enable_failpoints(adapters, os.environ)
    return Application(settings=settings, adapters=adapters, telemetry=telemetry)


def build_app(application: Application, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the API and the pages as one ASGI application."""
    app = create_app(application, (*api.ROUTERS, *web.ROUTERS), plain_routes=api.PLAIN_ROUTES, lifespan=lifespan, error_page=error_page)
    api.add_state(app)
    return app


def build_proxy_options(settings: Settings) -> dict[str, Any]:
    """Return uvicorn's options for forwarded headers. Only the configured proxies are trusted; uvicorn's default trusts loopback."""
    return {"proxy_headers": bool(settings.trusted_proxies), "forwarded_allow_ips": settings.trusted_proxies}


class WebServer(uvicorn.Server):
    """A uvicorn server that ends the open streams when it is stopped, so that the other requests can finish."""

    def __init__(self, application: Application, settings: Settings) -> None:
        app = build_app(application, lifespan=build_lifespan(application, settings))
        request_seconds = math.ceil(settings.drain_seconds) + 1
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop=_LOOP,
                http=BoundedProtocol,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                **build_proxy_options(settings),
                timeout_graceful_shutdown=request_seconds,
            )
        )
        self._stop_seconds = request_seconds + STOP_SECONDS + _SPARE_SECONDS
        self._application = application
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: Any = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving, and exit after the time for it at the latest. Any thread may call this, more than once."""
        if not self.should_exit:
            exit_after(self._stop_seconds, self._report_running)
        self.should_exit = True
        if threading.current_thread() is threading.main_thread():
            self._end_streams()
        elif self._loop is not None:
            self._loop.call_soon_threadsafe(self._end_streams)

    def _report_running(self) -> None:
        """Log which tasks still run, and write the stack of every thread to stderr."""
        tasks = sorted(f"{task.get_name()} ({task.get_coro()!r})" for task in asyncio.all_tasks(self._loop)) if self._loop else []
        log.error("the web server did not stop in time", seconds=self._stop_seconds, tasks=tasks)
        faulthandler.dump_traceback()

    def _end_streams(self) -> None:
        self._application.hub().close()
        self._application.adapters.worker_streams().close()
