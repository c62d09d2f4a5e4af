"""The ASGI application: middlewares in order, then the routes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute

from domain.errors import HeadgateError
from entrypoints.base_url import parse_base_path
from entrypoints.container import Application
from entrypoints.http.base_path import get_route_path
from entrypoints.http.error_problems import to_problem
from entrypoints.http.middleware.authorization import Authorization
from entrypoints.http.middleware.base_url_path import BaseUrlPath
from entrypoints.http.middleware.body_limit import BodyLimit
from entrypoints.http.middleware.concurrency_limit import ConcurrencyLimit
from entrypoints.http.middleware.head_limit import HeadLimit
from entrypoints.http.middleware.host_origin import HostOrigin
from entrypoints.http.middleware.options import OptionsResponder
from entrypoints.http.middleware.path_normalization import PathNormalization
from entrypoints.http.middleware.rate_limit import RateLimit, RateLimiter, RefusalLimit
from entrypoints.http.middleware.request_id import RequestId
from entrypoints.http.middleware.request_metrics import RequestMetrics
from entrypoints.http.middleware.run_names import RunNames
from entrypoints.http.middleware.security_headers import SecurityHeaders
from entrypoints.http.middleware.unexpected_errors import UnexpectedErrors
from entrypoints.http.problems import ROUTE_NOT_FOUND, ErrorPageRenderer, Problem, ProblemError, problem_response
from entrypoints.http.route_table import RouteTable
from entrypoints.http.validation_problems import to_field_problems, validation_problem
from entrypoints.request_rate import Rate

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]
DESCRIPTION = "Define pipelines, trigger them, report status from any machine, and watch every stage. Errors are RFC 9457 problem+json."


def create_app(
    application: Application,
    routers: Sequence[APIRouter],
    *,
    plain_routes: Sequence[BaseRoute] = (),
    lifespan: Lifespan | None = None,
    error_page: ErrorPageRenderer | None = None,
) -> FastAPI:
    """Build the application.

    `plain_routes` are Starlette routes, matched first. `error_page` renders a problem for a browser. `app.state` holds `application`,
    `routes` (the RouteTable), and `why_not_ready`, the NotReady that the server sets while it is starting.
    """
    # `include_router` would build each route a second time, while the first request to the application waits.
    all_routes = [*plain_routes, *(route for router in routers for route in router.routes)]
    routes = RouteTable(all_routes)
    app = FastAPI(
        title="Headgate",
        version="0.2.0",
        description=DESCRIPTION,
        routes=all_routes,
        middleware=build_middleware(application, routes),
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # RequestMetrics and ddtrace observe requests
    )
    app.state.application = application
    app.state.routes = routes
    app.state.error_page = error_page
    app.state.why_not_ready = None
    for kind in (HeadgateError, ProblemError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, respond_to_error)
    return app


def build_middleware(application: Application, routes: RouteTable) -> list[Middleware]:
    """Return the middlewares, outermost first. A request that one of them refuses never reaches the next."""
    settings = application.settings()
    base_path = parse_base_path(str(settings.public_url))
    rate = Rate.from_setting(settings.rate_limit, settings.auth)
    limiter = RateLimiter(rate) if rate is not None else None
    return [
        Middleware(RequestId),
        *([Middleware(BaseUrlPath, base_path=base_path)] if base_path else []),
        Middleware(RequestMetrics, telemetry=application.telemetry()),
        Middleware(SecurityHeaders, is_https=str(settings.public_url).startswith("https://")),
        Middleware(UnexpectedErrors),
        Middleware(HeadLimit),
        *([Middleware(RefusalLimit, limiter=limiter)] if limiter else []),
        Middleware(HostOrigin, public_url=settings.public_url, hosts=[*settings.allowed_hosts, urlsplit(settings.local_url).netloc]),
        Middleware(BodyLimit),
        Middleware(ConcurrencyLimit, limit=settings.max_in_flight),
        Middleware(PathNormalization, routes=routes),
        Middleware(Authorization, routes=routes, application=application, is_open=settings.auth == "none"),
        *([Middleware(RateLimit, limiter=limiter)] if limiter else []),
        Middleware(OptionsResponder, routes=routes),
        Middleware(RunNames, application=application),
    ]


async def respond_to_error(request: Request, error: Exception) -> Response:
    """Answer an error that a route raised with its problem."""
    return problem_response(request.scope, _to_problem(error, request))


def _to_problem(error: Exception, request: Request) -> Problem:
    match error:
        case ProblemError():
            return error.problem
        case HeadgateError():
            return to_problem(error)
        case RequestValidationError():
            return validation_problem(to_field_problems(error.errors(), skip=1))
        case HTTPException(status_code=404):
            return ROUTE_NOT_FOUND
        case HTTPException(status_code=405):
            methods = ", ".join(request.app.state.routes.get_methods(get_route_path(request.scope)))
            return Problem(405, "method_not_allowed", f"This URL supports {methods} only.", headers={"Allow": methods})
        case HTTPException():
            return Problem(error.status_code, "refused", str(error.detail), headers=error.headers or {})
    raise error
