"""Serialize concurrency limits as definitions write them."""

from typing import Any

from domain.concurrency.definition import ConcurrencyLimit


def serialize_limit(limit: ConcurrencyLimit) -> dict[str, Any]:
    """Return the keys of an entry of `concurrency`. `group` or `key` is present only if the entry has it."""
    written: dict[str, Any] = {"group": limit.group} if limit.group else {}
    written |= {"key": {"parameter": limit.key}} if limit.key else {}
    return written | {"limit": limit.limit, "when_full": limit.when_full.value}
