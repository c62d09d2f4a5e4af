"""Browser sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long a sign-in lasts: `idle` without a request, `absolute` at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    account_id: int
    created_at: datetime
    seen_at: datetime

    def is_expired(self, now: datetime, rules: SessionRules) -> bool:
        return now - self.seen_at >= rules.idle or now - self.created_at >= rules.absolute
