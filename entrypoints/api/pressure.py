"""How much is taken on at once: a bound on requests in flight, and on what one caller may ask in a time."""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.api.problems import Problem, respond
from entrypoints.rate import Rate

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
            await respond(scope, OVERLOADED)(scope, receive, send)
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


@dataclass(slots=True)
class Bucket:
    """Tokens that fill up again evenly; each request takes one."""

    tokens: float
    at: float


class RateLimit:
    """A token bucket per caller: per token that we made, else per address. Health routes and workers pass. 429 when it is empty."""

    CALLERS = 10_000
    """Callers remembered; the one not heard of for longest is forgotten, which gives it a full bucket."""

    def __init__(self, app: ASGIApp, rate: Rate, is_ours: Callable[[str], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._rate = rate
        self._is_ours = is_ours
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in HEALTH or scope["path"].startswith(WORKER):
            await self._app(scope, receive, send)
            return
        left = self._take(self._caller(scope))
        if left < 0:
            await respond(scope, self._refusal(left))(scope, receive, send)
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers(left))
            await send(message)

        await self._app(scope, receive, told)

    def _take(self, caller: str) -> float:
        """What is left after this request; below 0 when it is one too many, which takes nothing."""
        now, rate = self._clock(), self._rate
        bucket = self._buckets.pop(caller, None) or Bucket(rate.count, now)
        self._buckets[caller] = bucket
        if len(self._buckets) > self.CALLERS:
            self._buckets.popitem(last=False)
        bucket.tokens = min(rate.count, bucket.tokens + (now - bucket.at) * rate.count / rate.seconds)
        bucket.at = now
        if bucket.tokens < 1:
            return bucket.tokens - 1
        bucket.tokens -= 1
        return bucket.tokens

    def _refusal(self, left: float) -> Problem:
        wait = max(1, math.ceil(-left * self._rate.seconds / self._rate.count))
        words = f"More than {self._rate.count:,} requests in {self._rate.seconds:,} s; ask again in {wait} s."
        return Problem(429, "rate_limited", words, headers={"Retry-After": str(wait), **self._headers(left)})

    def _headers(self, left: float) -> dict[str, str]:
        """As the IETF's draft of RateLimit header fields has them."""
        rate = self._rate
        full = math.ceil((rate.count - left) * rate.seconds / rate.count)
        return {
            "RateLimit-Policy": f'"default";q={rate.count};w={rate.seconds}',
            "RateLimit": f'"default";r={max(0, math.floor(left))};t={full}',
        }

    def _caller(self, scope: Scope) -> str:
        header = Headers(scope=scope).get("authorization", "")
        token = header[7:].strip() if header[:7].lower() == "bearer " else ""
        if token and self._is_ours(token):
            return hashlib.sha256(token.encode()).hexdigest()
        client = scope.get("client")
        return str(client[0]) if client else ""
