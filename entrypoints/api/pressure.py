"""How much is taken on at once."""

from collections.abc import Callable

from starlette.types import Message, Scope

from entrypoints.api.envelope import on_start
from entrypoints.api.problems import Problem

HEALTH = frozenset({"/livez", "/livez/", "/readyz", "/readyz/"})
WORKER = "/worker/"
LOGS = "/worker/logs"
LOG_APPENDS = 64
"""Appends of output at once: workers keep what is not taken, and send it again."""
_STREAMS = (b"text/event-stream", b"application/x-ndjson")
OVERLOADED = Problem(503, "overloaded", "Headgate has as much to do as it takes at once; ask again.", headers={"Retry-After": "1"})


class InFlight:
    """At most `limit` requests at once, else 503. Health routes pass; workers have room of their own, so that an overload costs no lease.

    A stream counts until it begins: it then waits, and takes nothing from others.
    """

    def __init__(self, limit: int) -> None:
        self._limits = {"logs": min(limit, LOG_APPENDS), "worker": limit, "others": limit}
        self._counts = dict.fromkeys(self._limits, 0)

    def enter(self, scope: Scope) -> Callable[[], None] | None:
        """What is to be called when the request is over, once or more; None when there is no room."""
        path = scope["path"]
        if path in HEALTH:
            return _nothing
        kind = _kind(path)
        if self._counts[kind] >= self._limits[kind]:
            return None
        self._counts[kind] += 1
        stay = _Stay(self._counts, kind)
        on_start(scope, stay.started)
        return stay.leave


class _Stay:
    __slots__ = ("_counts", "_is_over", "_kind")

    def __init__(self, counts: dict[str, int], kind: str) -> None:
        self._counts, self._kind, self._is_over = counts, kind, False

    def started(self, start: Message) -> None:
        if _is_stream(start):
            self.leave()

    def leave(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._counts[self._kind] -= 1


def _nothing() -> None:
    """Nobody counted it."""


def _kind(path: str) -> str:
    if path.startswith(LOGS):
        return "logs"
    return "worker" if path.startswith(WORKER) else "others"


def _is_stream(start: Message) -> bool:
    for name, value in start["headers"]:
        if name.lower() == b"content-type":
            return bool(value.startswith(_STREAMS))
    return False
