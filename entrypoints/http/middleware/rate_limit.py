"""Limit how many requests one caller may make in a time: a token, an account, an attempt, or else an address."""

import ipaddress
import math
from typing import Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.rate_limit_storage import MonotonicStorage
from application.ports.access.execution_tokens import AttemptClaims
from domain.access.caller import AuthMethod
from entrypoints.http.auth.caller import get_caller_from_scope, get_claims_from_scope
from entrypoints.http.base_path import get_route_path
from entrypoints.http.middleware.concurrency_limit import HEALTH_PATHS, IS_OVERLOAD
from entrypoints.http.problems import Problem, problem_response
from entrypoints.request_rate import Rate

_COUNTED: Final = "headgate.counted"


class RateLimiter:
    """Requests of each caller in this process, over a sliding window."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._item: RateLimitItem = RateLimitItemPerSecond(rate.count, rate.seconds)
        self._storage = MonotonicStorage()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)

    def take(self, *caller: str) -> bool:
        """Count one request. Return False, and count nothing, if it is one too many."""
        return self._limiter.hit(self._item, *caller)

    def has_room(self, *caller: str) -> bool:
        return self._limiter.test(self._item, *caller)

    def headers(self, *caller: str) -> dict[str, str]:
        """Return the RateLimit header fields of the IETF draft."""
        left, reset = self._get_window(*caller)
        policy = f'"default";q={self._rate.count};w={self._rate.seconds}'
        return {"RateLimit-Policy": policy, "RateLimit": f'"default";r={left};t={reset}'}

    def refusal(self, *caller: str) -> Problem:
        _, wait = self._get_window(*caller)
        words = f"More than {self._rate.count:,} requests in {self._rate.seconds:,} s. Try again in {wait:,} s."
        return Problem(429, "rate_limited", words, headers={"Retry-After": str(wait), **self.headers(*caller)})

    def _get_window(self, *caller: str) -> tuple[int, int]:
        """Return the requests left, and the whole seconds (at least 1) until the window resets."""
        _, left = self._limiter.get_window_stats(self._item, *caller)  # its time is one of the wall clock
        seconds = self._rate.seconds
        previous, previous_seconds, count, count_seconds = self._storage.get_sliding_window(self._item.key_for(*caller), seconds)
        waits = [previous_seconds % (seconds / previous)] if previous else []
        waits += [count_seconds % seconds] if count else []
        return max(0, left), max(1, math.ceil(min(waits, default=0.0)))


class RateLimit:
    """429 for a caller that asks too often. Inside authorization, so that the caller is known. Health routes and workers pass."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_COUNTED] = True
        if (
            scope["type"] != "http"
            or get_route_path(scope) in HEALTH_PATHS
            or get_caller_from_scope(scope).auth_method is AuthMethod.WORKER
        ):
            await self._app(scope, receive, send)
            return
        caller = rate_limit_key(scope)
        if not self._limiter.take(*caller):
            await problem_response(scope, self._limiter.refusal(*caller))(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._limiter.headers(*caller))
            await send(message)

        await self._app(scope, receive, send_with_headers)


class RefusalLimit:
    """429 for an address that was refused too often: invalid tokens, foreign pages. Outside every check, so such an address costs little.

    It counts the requests that never reached `RateLimit`, except those refused for overload, apart from the address's other requests:
    other people at an address that guesses tokens are limited with it, people who only work there are not.
    """

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or get_route_path(scope) in HEALTH_PATHS:
            await self._app(scope, receive, send)
            return
        caller = ("refused", _get_address(scope))
        if not self._limiter.has_room(*caller):
            await problem_response(scope, self._limiter.refusal(*caller))(scope, receive, send)
            return
        await self._app(scope, receive, send)
        if _COUNTED not in scope and IS_OVERLOAD not in scope:
            self._limiter.take(*caller)


def rate_limit_key(scope: Scope) -> tuple[str, str]:
    """Return the key under which this caller's requests are counted."""
    caller, claims = get_caller_from_scope(scope), get_claims_from_scope(scope)
    if isinstance(claims, AttemptClaims):
        return "attempt", f"{claims.run_id}/{claims.stage}/{claims.attempt}"
    if caller.token_id is not None:
        return "token", str(caller.token_id)
    if caller.account_id is not None:
        return "account", str(caller.account_id)
    return "address", _get_address(scope)


def _get_address(scope: Scope) -> str:
    """Return the client's address; for IPv6 its /64 network, which one machine usually has to itself."""
    text = str(scope["client"][0]) if scope.get("client") else ""
    if ":" not in text:
        return text
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return text
    return str(address.ipv4_mapped or ipaddress.IPv6Network((int(address), 64), strict=False).network_address)
