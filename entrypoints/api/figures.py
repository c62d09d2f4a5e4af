"""Requests in figures: how many, how many failed, how long they took, by the template of their route."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.metrics import Metric
from application.ports.telemetry import Telemetry

NO_ROUTE = "none"
PROBES = frozenset({"/livez", "/readyz"})
CHATTER = frozenset({"/worker/heartbeat", "/worker/stream", "/worker/leave", "/worker/logs"})
"""Counted but not traced: they come at every moment and belong to no run's story."""
STREAMS = (b"text/event-stream", b"application/x-ndjson")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestFigures:
    """Outermost of ours. Probes, and streams that stay open, are left out: they would drown what people wait for."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, is_stream, began, method = 500, False, perf_counter(), scope["method"]

        async def watched(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                is_stream = _is_stream(message)
                if is_stream or _route(scope) in PROBES | CHATTER or scope["path"].startswith("/static/"):
                    self._telemetry.hush()
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            if not is_stream and _route(scope) not in PROBES:
                self._tell(_as_tag(_route(scope)), method if method in METHODS else "other", status, perf_counter() - began)

    def _tell(self, route: str, method: str, status: int, seconds: float) -> None:
        self._telemetry.count(Metric.REQUESTS, route=route, method=method, status=status)
        self._telemetry.distribution(Metric.REQUEST_DURATION, seconds, route=route, method=method)
        if status >= 500:
            self._telemetry.count(Metric.REQUEST_ERRORS, route=route, method=method, status=status)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", NO_ROUTE)


def _as_tag(route: str) -> str:
    """`/runs/:run_id`: DogStatsD's tags hold no braces."""
    return route.replace("{", ":").replace("}", "")


def _is_stream(message: Message) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(STREAMS) for name, value in message.get("headers", ()))
