"""The web application over a container: routes, guards, and one way to say no."""

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.errors import HeadgateError
from entrypoints.api import (
    accounts,
    audit,
    controls,
    docs,
    events,
    health,
    history,
    logs,
    pipelines,
    runs,
    status_updates,
    tokens,
    worker,
)
from entrypoints.api.access import Access
from entrypoints.api.envelope import Envelope, crashed
from entrypoints.api.figures import RequestFigures
from entrypoints.api.gate import Gate
from entrypoints.api.guards import HostGuard, OriginGuard, hosts_of
from entrypoints.api.live import Live
from entrypoints.api.openapi import declare
from entrypoints.api.paths import NOTHING_HERE, RouteTable
from entrypoints.api.pressure import InFlight
from entrypoints.api.problems import ErrorPage, Problem, Refused, field_problems, invalid, problem_of, respond
from entrypoints.api.rate_limit import Limiter, RateLimit, RefusalLimit
from entrypoints.api.schemas import ProblemShape
from entrypoints.api.shortcuts import Shortcut, Shortcuts, Translate
from entrypoints.api.texts import pipeline_texts, run_texts
from entrypoints.container import Application
from entrypoints.rate import Rate

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]
ROUTERS = (
    pipelines.router,
    status_updates.router,
    runs.router,
    controls.router,
    history.router,
    events.router,
    logs.router,
    worker.router,
    tokens.router,
    accounts.router,
    audit.router,
    health.router,
    docs.router,
)
SHORTCUTS = (
    Shortcut("GET", "/livez", health.livez_directly),
    Shortcut("POST", "/status-update/", status_updates.report_status_directly),
    Shortcut("POST", "/status-update/batch", status_updates.report_batch_directly),
    Shortcut("POST", re.compile(r"/worker/bursts/(?P<run_id>\d{1,18})/(?P<epoch>\d{1,18})/advance"), worker.advance_directly),
    Shortcut("POST", re.compile("/trigger/(?P<pipeline_id>[^/]+)"), pipelines.trigger_directly),
    Shortcut("GET", "/pipelines/", pipelines.list_pipelines_directly),
    Shortcut("GET", "/runs/", runs.list_runs_directly),
)
DESCRIPTION = "Define pipelines, trigger them, report status from any machine, and watch every stage. Errors are RFC 9457 problem+json."


def create_app(
    application: Application,
    *,
    lifespan: Lifespan | None = None,
    routers: Sequence[APIRouter] = (),
    error_page: ErrorPage | None = None,
) -> FastAPI:
    """The application. `routers` are the pages'; `error_page` renders a problem for a browser that asks for HTML.

    On `state`: `application`, `live`, and `why_not_ready`, a sentence that a server may set while it is still starting. A server that
    stops closes the hub and the links first, which ends every stream.
    """
    app = _Guarded(
        title="Headgate",
        version="0.2.0",
        description=DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    _fill_state(app, application, error_page)
    for router in (*ROUTERS, *routers):
        app.include_router(router)
    table = RouteTable([route for router in (*ROUTERS, *routers) for route in router.routes])
    refused = _say_no_in_one_way(app, table)
    telemetry = application.telemetry()
    if telemetry.is_on:  # what is traced belongs to a route, and what is refused is traced too
        app.add_middleware(Gate, **_checks(application, table), shortcuts=None)
        app.add_middleware(Envelope, by_https=_is_by_https(application))
        app.add_middleware(RequestFigures, telemetry=telemetry)
    else:
        gate = Gate(app.framework, **_checks(application, table), shortcuts=Shortcuts(SHORTCUTS, refused))
        app.outside = Envelope(gate, by_https=_is_by_https(application))
    return app


class _Guarded(FastAPI):
    """With `outside`, requests come to it first, and through it to the framework: each layer that is not there costs nothing."""

    outside: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.outside is None or scope["type"] != "http":
            await self.framework(scope, receive, send)
        else:
            scope["app"] = self
            await self.outside(scope, receive, send)

    async def framework(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def _fill_state(app: FastAPI, application: Application, error_page: ErrorPage | None) -> None:
    app.state.application = application
    app.state.error_page = error_page
    app.state.why_not_ready = None
    app.state.live = Live(application.hub())
    app.state.look_around = None
    app.state.pipeline_texts = pipeline_texts()
    app.state.run_texts = run_texts()
    declare(ProblemShape)


def _checks(application: Application, table: RouteTable) -> dict[str, Any]:
    """What the gate asks."""
    settings = application.settings()
    rate = Rate.of(settings.rate_limit, settings.auth)
    limiter = Limiter(rate) if rate is not None else None
    return {
        "in_flight": InFlight(settings.max_in_flight),
        "guards": (HostGuard(hosts_of(settings.public_url, settings.allowed_hosts)), OriginGuard(settings.public_url)),
        "table": table,
        "access": Access(table, settings.auth == "none", application),
        "rates": (RefusalLimit(limiter), RateLimit(limiter)) if limiter is not None else None,
    }


def _is_by_https(application: Application) -> bool:
    return str(application.settings().public_url).startswith("https://")


def _say_no_in_one_way(app: FastAPI, table: RouteTable) -> Translate:
    async def refused(request: Request, error: Exception) -> Response:
        return respond(request.scope, _problem(error, request, table))

    for kind in (HeadgateError, Refused, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refused)
    app.add_exception_handler(Exception, crashed)
    return refused


def _problem(error: Exception, request: Request, table: RouteTable) -> Problem:
    match error:
        case Refused():
            return error.problem
        case HeadgateError():
            return problem_of(error)
        case RequestValidationError():
            return invalid(field_problems(error.errors(), skip=1))
        case HTTPException(status_code=404):
            return NOTHING_HERE
        case HTTPException(status_code=405):
            methods = ", ".join(table.methods(request.scope["path"]))
            return Problem(405, "method_not_allowed", f"Possible here: {methods}.", headers={"Allow": methods})
        case HTTPException():
            return Problem(error.status_code, "refused", str(error.detail), headers=error.headers or {})
    raise error
