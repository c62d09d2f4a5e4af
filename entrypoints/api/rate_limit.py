"""What one caller may ask in a time: a token, an account, an attempt, or else an address."""

import ipaddress
import math
import time
from typing import Final

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.types import Scope

from application.ports.tokens import AttemptClaims
from domain.access import Way
from entrypoints.api.access import caller_in, claims_in
from entrypoints.api.envelope import on_start
from entrypoints.api.pressure import HEALTH
from entrypoints.api.problems import Problem
from entrypoints.rate import Rate

_COUNTED: Final = "headgate.counted"
_REFUSED: Final = "refused"


class Limiter:
    """How often each caller asked, in this process, over a window that slides."""

    MOST = 50_000
    """Counters kept; beyond, all begin anew. Only addresses come in such numbers, and then the bound on requests in flight holds."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._item: RateLimitItem = RateLimitItemPerSecond(rate.count, rate.seconds)
        self._storage = MemoryStorage()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)

    def take(self, *caller: str) -> bool:
        """Count one request. False when it is one too many, which counts nothing."""
        if len(self._storage.storage) > self.MOST:
            self._storage.reset()
        return self._limiter.hit(self._item, *caller)

    def has_room(self, *caller: str) -> bool:
        return self._limiter.test(self._item, *caller)

    def headers(self, *caller: str) -> dict[str, str]:
        """As the IETF's draft of RateLimit header fields has them."""
        left, reset = self._standing(*caller)
        policy = f'"default";q={self._rate.count};w={self._rate.seconds}'
        return {"RateLimit-Policy": policy, "RateLimit": f'"default";r={left};t={reset}'}

    def refusal(self, *caller: str) -> Problem:
        _, wait = self._standing(*caller)
        words = f"More than {self._rate.count:,} requests in {self._rate.seconds:,} s; ask again in {wait:,} s."
        return Problem(429, "rate_limited", words, headers={"Retry-After": str(wait), **self.headers(*caller)})

    def _standing(self, *caller: str) -> tuple[int, int]:
        """Requests left, and whole seconds until there are more, 1 at least."""
        reset, left = self._limiter.get_window_stats(self._item, *caller)
        return max(0, left), max(1, math.ceil(reset - time.time()))


class RateLimit:
    """Within the check of permissions, so that who asks is known: 429 for who asks too often. Health routes and workers pass."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def problem(self, scope: Scope) -> Problem | None:
        scope[_COUNTED] = True
        if scope["path"] in HEALTH or caller_in(scope).way is Way.WORKER:
            return None
        caller = subject(scope)
        if not self._limiter.take(*caller):
            return self._limiter.refusal(*caller)
        on_start(scope, lambda start: MutableHeaders(scope=start).update(self._limiter.headers(*caller)))
        return None


class RefusalLimit:
    """Outside every check: an address that has been refused too often (tokens that are none, foreign pages) is not even looked at.

    It counts what never came to `RateLimit` by the caller's own fault, apart from what an address may otherwise ask: who shares an address
    with somebody that guesses tokens is held up with them, who merely works there is not.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter

    def problem(self, scope: Scope) -> Problem | None:
        if scope["path"] in HEALTH or self._limiter.has_room(*self._caller(scope)):
            return None
        return self._limiter.refusal(*self._caller(scope))

    def forgive(self, scope: Scope) -> None:
        """What this comes to is not counted."""
        scope[_COUNTED] = True

    def count(self, scope: Scope) -> None:
        """After the answer."""
        if _COUNTED not in scope and scope["path"] not in HEALTH:
            self._limiter.take(*self._caller(scope))

    def _caller(self, scope: Scope) -> tuple[str, str]:
        return _REFUSED, _address(scope)


def subject(scope: Scope) -> tuple[str, str]:
    """Whose requests are counted together."""
    caller, claims = caller_in(scope), claims_in(scope)
    if isinstance(claims, AttemptClaims):
        return "attempt", f"{claims.run_id}/{claims.stage}/{claims.attempt}"
    if caller.token_id is not None:
        return "token", str(caller.token_id)
    if caller.account_id is not None:
        return "account", str(caller.account_id)
    return "address", _address(scope)


def _address(scope: Scope) -> str:
    """Of IPv6 the network of 64 bits, which is what one machine is given."""
    text = str(scope["client"][0]) if scope.get("client") else ""
    if ":" not in text:
        return text
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return text
    return str(address.ipv4_mapped or ipaddress.IPv6Network((int(address), 64), strict=False).network_address)
