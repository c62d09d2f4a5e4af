"""A rate of requests, as a setting writes it."""

import re
from dataclasses import dataclass

_RATE = re.compile(r"([1-9]\d{0,6}) ?/ ?(second|minute|hour)s?")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests in `seconds`."""

    count: int
    seconds: int

    @classmethod
    def read(cls, text: str) -> "Rate | None":
        """`100/second`, `3000/minute`, `10000/hour`; None for `none`. ValueError for what is neither."""
        if text.strip() == "none":
            return None
        found = _RATE.fullmatch(text.strip())
        if found is None:
            raise ValueError("must be a number per second, minute or hour, such as 100/second, or none")
        return cls(int(found[1]), _SECONDS[found[2]])

    @classmethod
    def of(cls, setting: str, auth: str) -> "Rate | None":
        """The rate in force: what is set, else a generous one where people sign in, and none on a laptop of one's own."""
        if setting:
            return cls.read(setting)
        return None if auth == "none" else DEFAULT_TEAM_RATE


DEFAULT_TEAM_RATE = Rate(12_000, 60)
