"""Count requests and measure their duration, by the path template of their route."""

from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from application.observability.metrics import Metric
from application.ports.telemetry.telemetry import Telemetry
from entrypoints.http.base_path import get_route_path

NO_ROUTE: Final = "none"
PROBES: Final = frozenset({"/livez", "/readyz"})
UNTRACED: Final = PROBES | {"/worker/heartbeat", "/worker/stream", "/worker/leave", "/worker/logs"}
"""Frequent requests that belong to no run's trace."""
STREAM_MEDIA_TYPES: Final = (b"text/event-stream", b"application/x-ndjson")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Probes and open streams are left out: they would hide the requests that people wait for."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, is_endless, began, method = 500, False, perf_counter(), scope["method"]

        async def send_and_note(message: Message) -> None:
            nonlocal status, is_endless
            if message["type"] == "http.response.start":
                status, is_endless = message["status"], is_stream(message)
                if is_endless or _get_route(scope) in UNTRACED or get_route_path(scope).startswith("/static/"):
                    self._telemetry.drop_current_trace()
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            if not is_endless and (route := _get_route(scope)) not in PROBES:
                self._record(_to_tag(route), method if method in _METHODS else "other", status, perf_counter() - began)

    def _record(self, route: str, method: str, status: int, seconds: float) -> None:
        self._telemetry.count(Metric.REQUESTS, route=route, method=method, status=status)
        self._telemetry.distribution(Metric.REQUEST_DURATION, seconds, route=route, method=method)
        if status >= 500:
            self._telemetry.count(Metric.REQUEST_ERRORS, route=route, method=method, status=status)


def is_stream(start: Message) -> bool:
    """True if this `http.response.start` begins a stream that stays open."""
    for name, value in start["headers"]:
        if name.lower() == b"content-type":
            return bool(value.startswith(STREAM_MEDIA_TYPES))
    return False


def _get_route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", NO_ROUTE)


def _to_tag(route: str) -> str:
    """Return `/runs/:run_id`: DogStatsD tags hold no braces."""
    return route.replace("{", ":").replace("}", "")
