"""Tags take few values, whatever is created here: the first ones keep their names, the rest share one."""

from __future__ import annotations

OTHER = "other"
_LIMITS = {"pipeline": 200, "stage": 1_000, "pool": 50, "route": 200}
_LIMIT = 100


class TagValueLimiter:
    """Every time series costs money and memory at Datadog's side, and a program that creates pipelines must not make them without end."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def value(self, tag: str, value: str) -> str:
        """The value itself, or `other` once the tag has taken as many as it may."""
        known = self._known.setdefault(tag, set())
        if value in known:
            return value
        if len(known) >= _LIMITS.get(tag, _LIMIT):
            return OTHER
        known.add(value)
        return value
