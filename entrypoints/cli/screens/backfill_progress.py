"""The progress of a backfill in words."""

from collections.abc import Mapping
from typing import Any

_NAMES = ("running", "failed", "cancelled", "skipped")


def describe_progress(backfill: Mapping[str, Any]) -> str:
    """Return the state with the counts, such as "running, 53 of 178 completed, 4 running, 1 failed"."""
    counts = backfill["ticks"]
    parts = [f"{counts['completed']:,} of {backfill['total']:,} completed"]
    parts += [f"{counts[name]:,} {name}" for name in _NAMES if counts[name]]
    return ", ".join([backfill["state"], *parts])
