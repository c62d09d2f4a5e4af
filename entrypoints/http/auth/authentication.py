"""From a request's headers to its caller."""

from starlette.datastructures import Headers
from starlette.types import Scope

from application.ports.access.execution_tokens import WorkerClaims
from domain.access.caller import ANONYMOUS, ATTEMPT_CALLER, OPEN_ACCESS, WORKER_CALLER, Caller
from entrypoints.container import Application
from entrypoints.http.auth.caller import CALLER, CLAIMS, SESSION
from entrypoints.http.auth.cookies import read_cookie
from entrypoints.http.auth.permissions import SESSION_COOKIE
from entrypoints.http.base_path import get_route_path

_LONGEST_SESSION_KEY = 200


class Authenticator:
    """Identify callers by bearer token or session cookie. `is_open`: HEADGATE_AUTH=none, where requests without credentials are allowed."""

    def __init__(self, application: Application, *, is_open: bool) -> None:
        self._application = application
        self._is_open = is_open

    async def authenticate(self, scope: Scope) -> Caller | None:
        """Store the caller in the scope and return it. None for invalid credentials, which are refused even where none are needed."""
        headers = Headers(scope=scope)
        authorization = headers.getlist("authorization")
        if authorization:
            caller = await self._by_token(scope, authorization[0]) if len(authorization) == 1 else None
        elif self._is_open:
            caller = OPEN_ACCESS
        else:
            caller = await self._by_session(scope, headers)
        if caller is not None:
            scope[CALLER] = caller
        return caller

    async def recognize(self, scope: Scope) -> None:
        """Store the caller of a public page if the request has a valid session."""
        if not self._is_open and get_route_path(scope).startswith("/ui/"):
            scope[CALLER] = await self._by_session(scope, Headers(scope=scope))

    async def _by_session(self, scope: Scope, headers: Headers) -> Caller:
        key = _get_session_key(headers)
        if key is None:
            return ANONYMOUS
        scope[SESSION] = key
        return await self._application.authenticator().authenticate_session(key) or ANONYMOUS

    async def _by_token(self, scope: Scope, header: str) -> Caller | None:
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        if token.startswith("hg_"):
            return await self._application.authenticator().authenticate_token(token)
        claims = scope[CLAIMS] = self._application.adapters.tokens().read(token)
        return WORKER_CALLER if isinstance(claims, WorkerClaims) else ATTEMPT_CALLER if claims is not None else None


def _get_session_key(headers: Headers) -> str | None:
    key = read_cookie(headers, SESSION_COOKIE)
    return key if key is not None and 0 < len(key) <= _LONGEST_SESSION_KEY else None
