"""How much is taken on at once."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.api.problems import Problem, respond

HEALTH = frozenset({"/livez", "/livez/", "/readyz", "/readyz/"})
WORKER = "/worker/"
LOGS = "/worker/logs"
LOG_APPENDS = 64
"""Appends of output at once: workers keep what is not taken, and send it again."""
_STREAMS = (b"text/event-stream", b"application/x-ndjson")


def overloaded(limit: int) -> Problem:
    told = f"Headgate has {limit:,} requests in hand, as many as it takes on at once; ask again in a second (HEADGATE_MAX_IN_FLIGHT)."
    return Problem(503, "overloaded", told, headers={"Retry-After": "1"})


class InFlight:
    """At most `limit` requests at once, else 503. Health routes pass; workers have room of their own, so that an overload costs no lease.

    A stream counts until it begins: it then waits, and takes nothing from others.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limits = {"logs": min(limit, LOG_APPENDS), "worker": limit, "others": limit}
        self._counts = dict.fromkeys(self._limits, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in HEALTH:
            await self._app(scope, receive, send)
            return
        kind = _kind(scope["path"])
        if self._counts[kind] >= self._limits[kind]:
            await respond(scope, overloaded(self._limits[kind]))(scope, receive, send)
            return
        self._counts[kind] += 1
        counted = True

        def leave() -> None:
            nonlocal counted
            if counted:
                counted = False
                self._counts[kind] -= 1

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_stream(message):
                leave()
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            leave()


def _kind(path: str) -> str:
    if path.startswith(LOGS):
        return "logs"
    return "worker" if path.startswith(WORKER) else "others"


def _is_stream(start: Message) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(_STREAMS) for name, value in start["headers"])
