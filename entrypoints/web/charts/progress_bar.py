"""A bar of the ticks of a backfill by state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from domain.backfills.backfill import Progress

_ORDER: Final = ("completed", "failed", "cancelled", "skipped", "running", "pending")
MIN_WIDTH: Final = 0.6
"""The least width of a part, in percent, so that one tick of many is seen."""


@dataclass(frozen=True, slots=True)
class BarPart:
    """The part of one state. `x` and `width` are in percent."""

    key: str
    x: float
    width: float
    title: str


def lay_out_progress(progress: Progress) -> Sequence[BarPart]:
    """Return the parts from left to right: what has ended, what runs, what is to come."""
    counts = [(key, getattr(progress, key)) for key in _ORDER if getattr(progress, key)]
    widths = [max(MIN_WIDTH, 100 * count / progress.total) for _, count in counts]
    scale = 100 / sum(widths) if widths else 1.0
    parts, x = [], 0.0
    for (key, count), width in zip(counts, widths, strict=True):
        parts.append(BarPart(key, round(x, 3), round(width * scale, 3), f"{count:,} {key}"))
        x += width * scale
    return parts
