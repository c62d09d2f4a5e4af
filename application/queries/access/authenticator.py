"""Who asks: from a session's key or a token to a caller, remembered for an instant so that a busy one costs no query each time."""

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
"""What was revoked in another process is refused here after this at the latest; in this one, at once."""
MAX_CACHED_CALLERS: Final = 10_000
TOUCH_INTERVAL: Final = timedelta(minutes=1)


@dataclass(slots=True)
class Authenticator:
    """None for whoever is not known (any more)."""

    open_unit_of_work: OpenUnitOfWork
    credentials: Credentials
    clock: Clock
    rules: SessionRules
    _known: OrderedDict[bytes, tuple[datetime, Caller]] = field(default_factory=OrderedDict)

    async def authenticate_session(self, key: str) -> Caller | None:
        """The caller of a session that is not over; asking keeps it from becoming idle."""
        digest, now = self.credentials.digest(key), self.clock.now()
        return self._remembered(digest, now) or self._remember(digest, now, await self._session(digest, now))

    async def authenticate_token(self, text: str) -> Caller | None:
        """The caller of a token that is good."""
        if not self.credentials.is_token(text):
            return None
        digest, now = self.credentials.digest(text), self.clock.now()
        return self._remembered(digest, now) or self._remember(digest, now, await self._token(digest, now))

    def invalidate_callers(self) -> None:
        """Something was revoked or changed: ask the store again."""
        self._known.clear()

    async def _session(self, digest: bytes, now: datetime) -> Caller | None:
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
            return account.caller()

    async def _token(self, digest: bytes, now: datetime) -> Caller | None:
        async with self.open_unit_of_work() as work:
            token = await work.api_tokens.find(digest)
            if token is None or not token.is_valid(now):
                return None
            if _is_unused_today(token, now):
                await work.api_tokens.touch(token.id, _day(now))
                await work.commit()
            return token.caller()

    def _remembered(self, digest: bytes, now: datetime) -> Caller | None:
        found = self._known.get(digest)
        return found[1] if found is not None and timedelta() <= now - found[0] < CACHE_TTL else None

    def _remember(self, digest: bytes, now: datetime, caller: Caller | None) -> Caller | None:
        if caller is not None:
            self._known[digest] = (now, caller)
            if len(self._known) > MAX_CACHED_CALLERS:
                self._known.popitem(last=False)
        return caller


def _day(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _is_unused_today(token: ApiToken, now: datetime) -> bool:
    return token.used_on is None or token.used_on < _day(now)
