"""Browser sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SessionRules:
    """`idle` is how long a session lasts without a request, `absolute` how long it lasts at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    account_id: int
    created_at: datetime
    seen_at: datetime

    def is_expired(self, now: datetime, rules: SessionRules) -> bool:
        return now - self.seen_at >= rules.idle or now - self.created_at >= rules.absolute
