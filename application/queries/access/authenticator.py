"""Finds the caller that a session key or an API token belongs to."""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from application.ports.access.credentials import Credentials
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.api_tokens import ApiToken
from domain.access.caller import Caller
from domain.access.sessions import SessionRules

CACHE_TTL: Final = timedelta(seconds=2)
"""How long a credential that another process revoked may still be accepted here. This process clears its own cache at once."""
MAX_CACHED_CALLERS: Final = 10_000
TOUCH_INTERVAL: Final = timedelta(minutes=1)


@dataclass(slots=True)
class Authenticator:
    """Looks up callers by credential. It caches them for CACHE_TTL, so that a busy client does not cost a query per request."""

    open_unit_of_work: OpenUnitOfWork
    credentials: Credentials
    clock: Clock
    rules: SessionRules
    _cache: OrderedDict[bytes, tuple[datetime, Caller]] = field(default_factory=OrderedDict)

    async def authenticate_session(self, key: str) -> Caller | None:
        """Return the caller of an active session, and mark the session as used; None if it is unknown or expired."""
        digest, now = self.credentials.digest(key), self.clock.now()
        return self._get_cached(digest, now) or self._cache_caller(digest, now, await self._find_session_caller(digest, now))

    async def authenticate_token(self, text: str) -> Caller | None:
        """Return the caller of a valid token; None if it is unknown, expired or revoked."""
        if not self.credentials.is_token(text):
            return None
        digest, now = self.credentials.digest(text), self.clock.now()
        return self._get_cached(digest, now) or self._cache_caller(digest, now, await self._find_token_caller(digest, now))

    def invalidate_callers(self) -> None:
        """Clear the cache, after a credential or an account has changed."""
        self._cache.clear()

    async def _find_session_caller(self, digest: bytes, now: datetime) -> Caller | None:
        async with self.open_unit_of_work() as work:
            found = await work.sessions.find(digest)
            if found is None:
                return None
            session, account = found
            if session.is_expired(now, self.rules) or account.disabled_at is not None:
                return None
            if now - session.seen_at >= TOUCH_INTERVAL:
                await work.sessions.touch(digest, now)
                await work.commit()
            return account.to_caller()

    async def _find_token_caller(self, digest: bytes, now: datetime) -> Caller | None:
        async with self.open_unit_of_work() as work:
            token = await work.api_tokens.find(digest)
            if token is None or not token.is_valid(now):
                return None
            if _is_unused_today(token, now):
                await work.api_tokens.touch(token.id, _start_of_day(now))
                await work.commit()
            return token.to_caller()

    def _get_cached(self, digest: bytes, now: datetime) -> Caller | None:
        cached = self._cache.get(digest)
        return cached[1] if cached is not None and timedelta() <= now - cached[0] < CACHE_TTL else None

    def _cache_caller(self, digest: bytes, now: datetime, caller: Caller | None) -> Caller | None:
        if caller is not None:
            self._cache[digest] = (now, caller)
            if len(self._cache) > MAX_CACHED_CALLERS:
                self._cache.popitem(last=False)
        return caller


def _start_of_day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _is_unused_today(token: ApiToken, now: datetime) -> bool:
    return token.used_on is None or token.used_on < _start_of_day(now)
