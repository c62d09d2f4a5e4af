"""Limit how many requests are answered at the same time."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.base_path import get_route_path
from entrypoints.http.middleware.request_metrics import is_stream
from entrypoints.http.problems import Problem, problem_response

HEALTH_PATHS: Final = frozenset({"/livez", "/livez/", "/readyz", "/readyz/"})
MAX_LOG_APPENDS: Final = 64
"""Log appends at the same time. A worker keeps refused lines and sends them again."""
OVERLOADED: Final = Problem(503, "overloaded", "Headgate is handling too many requests. Try again.", headers={"Retry-After": "1"})
IS_OVERLOAD: Final = "headgate.overloaded"
"""Set in the scope of a refused request: overload does not count against the client's refusal limit."""


class ConcurrencyLimit:
    """503 for more than `limit` requests at once. Health routes always pass; workers have places of their own, so overload costs no lease.

    A stream occupies its place only until its response starts.
    """

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app = app
        self._limits = {"logs": min(limit, MAX_LOG_APPENDS), "worker": limit, "others": limit}
        self._counts = dict.fromkeys(self._limits, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or get_route_path(scope) in HEALTH_PATHS:
            await self._app(scope, receive, send)
            return
        kind = _get_kind(get_route_path(scope))
        if self._counts[kind] >= self._limits[kind]:
            scope[IS_OVERLOAD] = True
            await problem_response(scope, OVERLOADED)(scope, receive, send)
            return
        self._counts[kind] += 1
        holds_place = True

        async def send_and_release_streams(message: Message) -> None:
            nonlocal holds_place
            if holds_place and message["type"] == "http.response.start" and is_stream(message):
                holds_place = False
                self._counts[kind] -= 1
            await send(message)

        try:
            await self._app(scope, receive, send_and_release_streams if scope["method"] == "GET" else send)  # only a GET opens a stream
        finally:
            if holds_place:
                self._counts[kind] -= 1


def _get_kind(path: str) -> str:
    if path.startswith("/worker/logs"):
        return "logs"
    return "worker" if path.startswith("/worker/") else "others"
