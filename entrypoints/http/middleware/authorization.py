"""Check every request against the access rule of its route, before the route is reached."""

from typing import Final
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.access.caller import AuthMethod, Caller
from domain.access.permissions import Permission, describe_required_role, describe_required_scope
from domain.errors import HeadgateError
from entrypoints.container import Application
from entrypoints.http.auth.authentication import Authenticator
from entrypoints.http.auth.caller import CSRF_FIELD, get_csrf_token
from entrypoints.http.auth.permissions import PIPELINE_PARAMETERS, RUN_PARAMETERS, AccessLevel, AccessRule, ResourceScope
from entrypoints.http.base_path import get_route_path, link
from entrypoints.http.error_problems import to_problem
from entrypoints.http.ids import parse_id
from entrypoints.http.middleware.body_limit import BODY
from entrypoints.http.middleware.host_origin import SAFE_METHODS
from entrypoints.http.problems import Problem, problem_response
from entrypoints.http.route_table import MatchedRoute, RouteTable
from entrypoints.http.run_references import find_run_id

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="headgate"'}
SIGN_IN_REQUIRED: Final = Problem(401, "unauthorized", "Sign in, or send a token: `Authorization: Bearer hg_…`.", headers=_CHALLENGE)
INVALID_TOKEN: Final = Problem(
    401, "unauthorized", "The token is invalid: it was not issued here, or it was altered, revoked or has expired.", headers=_CHALLENGE
)
WORKER_SIGN_IN_REQUIRED: Final = Problem(401, "unauthorized", "Worker routes require a worker's token.", headers=_CHALLENGE)
WORKER_TOKEN_REQUIRED: Final = Problem(403, "token_scope", "Worker routes require a worker's token.")
WORKER_ROUTES_ONLY: Final = Problem(
    403, "token_scope", "A worker's token is valid for worker routes only. Report with the attempt's token."
)
ATTEMPT_ONLY: Final = Problem(403, "token_scope", "This token is valid for reports about its stage attempt only.")
SESSION_REQUIRED: Final = Problem(403, "not_allowed", "This requires a signed-in user.")
FOREIGN_FORM: Final = Problem(403, "foreign_form", "The form has expired or comes from another site. Reload the page and try again.")
WHOLE_SERVER: Final = MatchedRoute(AccessRule(AccessLevel.PUBLIC), {})
"""The rule of `OPTIONS *`."""


class Authorization:
    """401 without valid credentials, 403 without the permission. A session's form must also carry the session's form key."""

    def __init__(self, app: ASGIApp, *, routes: RouteTable, application: Application, is_open: bool) -> None:
        self._app = app
        self._routes = routes
        self._application = application
        self._authenticator = Authenticator(application, is_open=is_open)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            refusal = await self._find_refusal(scope)
        except HeadgateError as error:
            refusal = problem_response(scope, to_problem(error))
        await (self._app if refusal is None else refusal)(scope, receive, send)

    async def _find_refusal(self, scope: Scope) -> Response | None:
        route = self._find_route(scope)
        if route is not None and route.rule.requirement is AccessLevel.PUBLIC:
            await self._authenticator.recognize(scope)
            return None
        caller = await self._authenticator.authenticate(scope)
        if caller is None:
            return problem_response(scope, INVALID_TOKEN)
        problem = _judge_permission(caller, route) or await self._check_pipeline(caller, route)
        if (
            problem is None
            and caller.auth_method is AuthMethod.SESSION
            and scope["method"] not in SAFE_METHODS
            and not _has_csrf_token(scope)
        ):
            problem = FOREIGN_FORM
        return None if problem is None else _refuse(scope, problem)

    def _find_route(self, scope: Scope) -> MatchedRoute | None:
        """OPTIONS is public where GET is public, and for the whole server; elsewhere it needs any valid caller."""
        path = get_route_path(scope)
        if scope["method"] != "OPTIONS":
            return self._routes.find(scope["method"], path)
        route = WHOLE_SERVER if path == "*" else self._routes.find("GET", path)
        return route if route is not None and route.rule.requirement is AccessLevel.PUBLIC else None

    async def _check_pipeline(self, caller: Caller, route: MatchedRoute | None) -> Problem | None:
        """Compare a token's pipeline with the one that the path names."""
        if caller.pipeline_id is None or route is None or route.rule.resource is ResourceScope.REPORT:
            return None
        if await self._find_pipeline_id(route) == caller.pipeline_id:
            return None
        sentence = f"This token is limited to pipeline {caller.pipeline_id} and cannot access {_describe_resource(route)}."
        return Problem(403, "token_scope", sentence)

    async def _find_pipeline_id(self, route: MatchedRoute) -> int | None:
        reader = self._application.adapters.reader()
        if route.rule.resource is ResourceScope.PIPELINE:
            text = next(route.parameters[name] for name in PIPELINE_PARAMETERS if name in route.parameters)
            number = parse_id(text)
            pipeline = await reader.pipeline(text if number is None else number)
            return pipeline.id if pipeline else None
        if route.rule.resource is ResourceScope.RUN:
            text = next(route.parameters[name] for name in RUN_PARAMETERS if name in route.parameters)
            number = await find_run_id(reader, text)
            run = None if number is None else await reader.run(number)
            return run.pipeline_id if run else None
        return None


def _describe_resource(route: MatchedRoute) -> str:
    """Return what the path names, in the words of the path."""
    names = {ResourceScope.PIPELINE: PIPELINE_PARAMETERS, ResourceScope.RUN: RUN_PARAMETERS}.get(
        route.rule.resource or ResourceScope.REPORT, ()
    )
    found = next((route.parameters[name] for name in names if name in route.parameters), None)
    return f"{route.rule.resource} {found:.120}" if found is not None else "all pipelines"


def _judge_permission(caller: Caller, route: MatchedRoute | None) -> Problem | None:
    if route is None:  # any valid caller may learn that there is no such route
        return SIGN_IN_REQUIRED if caller.auth_method is AuthMethod.ANONYMOUS else None
    requirement = route.rule.requirement
    if requirement is AccessLevel.WORKER:
        return None if caller.auth_method is AuthMethod.WORKER else _explain_missing_worker(caller)
    if caller.auth_method is AuthMethod.ANONYMOUS:
        return SIGN_IN_REQUIRED
    if requirement is AccessLevel.SIGNED_IN:
        return None if caller.auth_method is AuthMethod.SESSION else SESSION_REQUIRED
    assert isinstance(requirement, Permission)
    return None if caller.has_permission(requirement) else _explain_missing(caller, requirement)


def _explain_missing_worker(caller: Caller) -> Problem:
    has_no_token = caller.auth_method in (AuthMethod.OPEN_ACCESS, AuthMethod.ANONYMOUS)
    return WORKER_SIGN_IN_REQUIRED if has_no_token else WORKER_TOKEN_REQUIRED


def _explain_missing(caller: Caller, permission: Permission) -> Problem:
    match caller.auth_method:
        case AuthMethod.ATTEMPT:
            return ATTEMPT_ONLY
        case AuthMethod.WORKER:
            return WORKER_ROUTES_ONLY
        case AuthMethod.TOKEN:
            return Problem(403, "token_scope", describe_required_scope(permission))
    return Problem(403, "not_allowed", describe_required_role(permission))


def _has_csrf_token(scope: Scope) -> bool:
    """True if the session's form key is in the header or in the form."""
    expected, headers = get_csrf_token(Request(scope)), Headers(scope=scope)
    if (given := headers.get("x-headgate-key")) is not None:
        return given == expected
    if not headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return False
    try:
        return parse_qs(scope.get(BODY, b"").decode(), keep_blank_values=True).get(CSRF_FIELD, []) == [expected]
    except ValueError:
        return False


def _refuse(scope: Scope, problem: Problem) -> Response:
    """Send browsers that ask for a page to the sign-in page; answer everything else with the problem."""
    if problem is SIGN_IN_REQUIRED and scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", ""):
        query = scope.get("query_string", b"").decode("latin-1")
        target = get_route_path(scope) + (f"?{query}" if query else "")
        return RedirectResponse(link(f"/ui/sign-in?next={quote(target, safe='')}"), 303, headers={"Cache-Control": "no-store"})
    return problem_response(scope, problem)
