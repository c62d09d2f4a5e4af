"""Who asks, and may they: one check before every route, by the one table. What is in no table is refused."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message, Receive, Scope

from application.ports.credentials import Credentials
from application.ports.tokens import AttemptClaims, WorkerClaims
from domain.access import A_WORKER, AN_ATTEMPT, ANONYMOUS, NOBODY, Caller, Permission, Way, needed_for, scope_for
from domain.controls import Person
from domain.errors import HeadgateError
from entrypoints.api.guards import SAFE
from entrypoints.api.heads import head_of
from entrypoints.api.ids import id_of
from entrypoints.api.paths import RouteTable
from entrypoints.api.problems import Problem, problem_of, respond
from entrypoints.container import Application
from entrypoints.permissions import COOKIE, OF_PIPELINE, OF_RUN, TABLE, About, Door, Rule

FORM_KEY: Final = "_key"
"""The hidden field of a page's forms that shows the page was ours."""
_CALLER: Final = "headgate.caller"
_CLAIMS: Final = "headgate.claims"
_SESSION: Final = "headgate.session"
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="headgate"'}
SIGN_IN = Problem(401, "unauthorized", "Sign in, or send a token: `Authorization: Bearer hg_…`.", headers=_CHALLENGE)
BAD_TOKEN = Problem(401, "unauthorized", "This token is not good here: not ours, altered, expired or revoked.", headers=_CHALLENGE)
NEEDS_WORKER = Problem(401, "unauthorized", "Worker routes need a worker's token.", headers=_CHALLENGE)
NOT_A_WORKER = Problem(403, "token_scope", "Worker routes need a worker's token, and nothing else opens them.")
WORKER_ONLY = Problem(403, "token_scope", "A worker's token is good for worker routes; report with the attempt's own token.")
ATTEMPT_ONLY = Problem(403, "token_scope", "This token is good for the stage attempt it was made for, and nothing else.")
OTHER_PIPELINE = Problem(403, "token_scope", "This token is bound to one pipeline, and this is about another, or about all.")
NO_ACCOUNT = Problem(403, "not_allowed", "This is for people who have signed in.")
FOREIGN_FORM = Problem(403, "foreign_form", "This form is not from a page of yours, or that page is too old; open it again and repeat.")


class Access:
    """Before every route, the short ways too. `is_open`: nobody needs to sign in, as on a laptop; tokens are checked all the same."""

    def __init__(self, table: RouteTable, is_open: bool, application: Application) -> None:
        self._routes = table
        self._is_open = is_open
        self._application = application
        self._static = {key: rule for key, rule in TABLE.items() if "{" not in key[1]}

    async def refusal(self, scope: Scope, receive: Receive) -> tuple[Response | None, Receive]:
        """None for whoever may; and where the body is to be read from now on."""
        try:
            return await self._refusal(scope, receive)
        except HeadgateError as error:
            return respond(scope, problem_of(error)), receive

    async def _refusal(self, scope: Scope, receive: Receive) -> tuple[Response | None, Receive]:
        rule, parameters = self._rule(scope)
        scope[_CALLER], scope[_CLAIMS], scope[_SESSION] = ANONYMOUS, None, None
        if rule is not None and rule.needs is Door.PUBLIC:
            await self._known_if_any(scope)
            return None, receive
        headers = Headers(scope=scope)
        caller = await self._caller(scope, headers)
        if caller is None:
            return respond(scope, BAD_TOKEN), receive
        scope[_CALLER] = caller
        problem = self._judge(caller, rule) or await self._judge_pipeline(caller, rule, parameters)
        if problem is not None:
            return _answer(scope, headers, problem, caller), receive
        if caller.way is Way.SESSION and scope["method"] not in SAFE:
            is_ours, receive = await self._has_form_key(scope, receive, headers)
            if not is_ours:
                return respond(scope, FOREIGN_FORM), receive
        return None, receive

    def _rule(self, scope: Scope) -> tuple[Rule | None, Mapping[str, str]]:
        if scope["method"] == "OPTIONS":  # what is public may be asked about in public, the rest by whoever is known
            rule, parameters = self._listed("GET", scope["path"])
            return (rule, parameters) if rule is not None and rule.needs is Door.PUBLIC else (None, {})
        return self._listed(scope["method"], scope["path"])

    def _listed(self, method: str, path: str) -> tuple[Rule | None, Mapping[str, str]]:
        if (rule := self._static.get((method, path))) is not None:
            return rule, {}
        found = self._routes.find(method, path)
        return (None, {}) if found is None else (TABLE.get((method, found[0]), _UNLISTED), found[1])

    async def _known_if_any(self, scope: Scope) -> None:
        """A public page may greet whoever has signed in."""
        key = _session_key(Headers(scope=scope))
        if key is not None and not self._is_open and scope["path"].startswith("/ui/"):
            scope[_CALLER] = await self._application.callers().of_session(key) or ANONYMOUS
            scope[_SESSION] = key

    async def _caller(self, scope: Scope, headers: Headers) -> Caller | None:
        """None for credentials that are not good: they are never passed over for what could be had without."""
        if b"authorization" in head_of(scope):
            given = headers.getlist("authorization")
            return await self._bearer(scope, given[0]) if len(given) == 1 else None
        if self._is_open:
            return NOBODY
        key = _session_key(headers)
        if key is None:
            return ANONYMOUS
        scope[_SESSION] = key
        return await self._application.callers().of_session(key) or ANONYMOUS

    async def _bearer(self, scope: Scope, header: str) -> Caller | None:
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        if token.startswith("hg_"):
            return await self._application.callers().of_token(token)
        claims = scope[_CLAIMS] = self._application.adapters.tokens().read(token)
        return A_WORKER if isinstance(claims, WorkerClaims) else AN_ATTEMPT if claims is not None else None

    def _judge(self, caller: Caller, rule: Rule | None) -> Problem | None:
        if rule is None:  # no such address or method: for whoever may know
            return SIGN_IN if caller.way is Way.ANONYMOUS else None
        if rule.needs is Door.WORKER:
            return None if caller.way is Way.WORKER else NEEDS_WORKER if caller.way in (Way.NOBODY, Way.ANONYMOUS) else NOT_A_WORKER
        if caller.way is Way.ANONYMOUS:
            return SIGN_IN
        if rule.needs is Door.SIGNED_IN:
            return None if caller.way is Way.SESSION else NO_ACCOUNT
        assert isinstance(rule.needs, Permission)
        return None if caller.may(rule.needs) else _too_little(caller, rule.needs)

    async def _judge_pipeline(self, caller: Caller, rule: Rule | None, parameters: Mapping[str, str]) -> Problem | None:
        if caller.pipeline_id is None or rule is None or rule.about is About.REPORT:
            return None
        about = await self._pipeline_of(rule, parameters)
        return None if about == caller.pipeline_id else OTHER_PIPELINE

    async def _pipeline_of(self, rule: Rule, parameters: Mapping[str, str]) -> int | None:
        reader = self._application.adapters.reader()
        if rule.about is About.PIPELINE:
            text = next(parameters[name] for name in OF_PIPELINE if name in parameters)
            number = id_of(text)
            found = await reader.pipeline(text if number is None else number)
            return found.id if found else None
        if rule.about is About.RUN:
            number = id_of(next(parameters[name] for name in OF_RUN if name in parameters))
            run = None if number is None else await reader.run(number)
            return run.pipeline_id if run else None
        return None

    async def _has_form_key(self, scope: Scope, receive: Receive, headers: Headers) -> tuple[bool, Receive]:
        """By header, or in the form itself, which is read here and handed on whole."""
        expected = form_key_of(Request(scope))
        if (given := headers.get("x-headgate-key")) is not None:
            return given == expected, receive
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return False, receive
        body = await Request(scope, receive).body()
        try:
            found = parse_qs(body.decode(), keep_blank_values=True).get(FORM_KEY, [])
        except ValueError:
            found = []
        return found == [expected], _again(body, receive)


_UNLISTED: Final = Rule(Permission.ADMIN)
"""A route that nobody listed: the tests fail for it, and until then it is an admin's."""


def caller_in(scope: Scope) -> Caller:
    """Who asks; set before every route."""
    caller: Caller = scope.get(_CALLER, ANONYMOUS)
    return caller


def caller_of(request: Request) -> Caller:
    return caller_in(request.scope)


def person_of(request: Request) -> Person:
    """Who acts, as the history and the audit log name them."""
    return caller_of(request).person(address_of(request))


def claims_in(scope: Scope) -> AttemptClaims | WorkerClaims | None:
    found: AttemptClaims | WorkerClaims | None = scope.get(_CLAIMS)
    return found


def claims_of(request: Request) -> AttemptClaims | WorkerClaims | None:
    return claims_in(request.scope)


def session_of(request: Request) -> str | None:
    """The key of the session that the request came with."""
    found: str | None = request.scope.get(_SESSION)
    return found


def address_of(request: Request) -> str | None:
    return request.client.host if request.client else None


def form_key_of(request: Request) -> str:
    """What this page's forms must carry; empty where there is no session."""
    session = session_of(request)
    if session is None:
        return ""
    credentials: Credentials = request.app.state.application.adapters.credentials()
    return credentials.form_key(session)


def _session_key(headers: Headers) -> str | None:
    for header in headers.getlist("cookie"):
        try:
            if (found := SimpleCookie(header).get(COOKIE)) is not None and 0 < len(found.value) <= 200:
                return found.value
        except CookieError:
            continue
    return None


def _too_little(caller: Caller, permission: Permission) -> Problem:
    match caller.way:
        case Way.ATTEMPT:
            return ATTEMPT_ONLY
        case Way.WORKER:
            return WORKER_ONLY
        case Way.TOKEN:
            return Problem(403, "token_scope", scope_for(permission))
    return Problem(403, "not_allowed", needed_for(permission))


def _answer(scope: Scope, headers: Headers, problem: Problem, caller: Caller) -> Response:
    """Who has yet to sign in and asks for a page is shown where."""
    wants_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    if problem is SIGN_IN and caller.way is Way.ANONYMOUS and wants_page:
        query = scope.get("query_string", b"").decode("latin-1")
        there = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"/ui/sign-in?next={quote(there, safe='')}", 303, headers={"Cache-Control": "no-store"})
    return respond(scope, problem)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
