"""The rate limit as the setting HEADGATE_RATE_LIMIT writes it."""

import re
from dataclasses import dataclass

_PATTERN = re.compile(r"([1-9]\d{0,6}) ?/ ?(second|minute|hour)s?")
_UNIT_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests per `seconds`."""

    count: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate | None":
        """Parse `100/second`, `3000/minute` or `10000/hour`. Return None for `none`. Raise ValueError for anything else."""
        if text.strip() == "none":
            return None
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise ValueError("must be a number per second, minute or hour, such as 100/second, or none")
        return cls(int(match[1]), _UNIT_SECONDS[match[2]])

    @classmethod
    def from_setting(cls, setting: str, auth: str) -> "Rate | None":
        """Return the configured rate. Without one: DEFAULT_TEAM_RATE if users sign in, else no limit."""
        if setting:
            return cls.parse(setting)
        return None if auth == "none" else DEFAULT_TEAM_RATE


DEFAULT_TEAM_RATE = Rate(12_000, 60)
