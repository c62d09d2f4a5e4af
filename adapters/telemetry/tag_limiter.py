"""Limits the number of values that a metric tag can have."""

from __future__ import annotations

OTHER = "other"
_LIMITS = {"pipeline": 200, "stage": 1_000, "pool": 50, "route": 200}
_DEFAULT_LIMIT = 100


class TagValueLimiter:
    """Keeps the first values of each tag and replaces the rest by `other`.

    Datadog stores and charges for every combination of tag values, and a program may create pipelines without limit.
    """

    def __init__(self) -> None:
        self._values: dict[str, set[str]] = {}

    def limit(self, tag: str, value: str) -> str:
        """Return the value, or `other` once the tag has reached its limit."""
        values = self._values.setdefault(tag, set())
        if value in values:
            return value
        if len(values) >= _LIMITS.get(tag, _DEFAULT_LIMIT):
            return OTHER
        values.add(value)
        return value
