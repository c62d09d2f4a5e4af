"""A pipeline's last runs as bars: x in percent, height by time, the sign under the baseline says how it ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration
from application.queries.views.runs import RunBar
from domain.runs.status import Status

SLOTS = 20
TALLEST, SHORTEST, BASELINE = 28.0, 4.0, 31.0
STUB = 5.0
STATUS_SYMBOLS = {
    Status.FAILED: "M-2.5 -2.5l5 5M2.5 -2.5l-5 5",
    Status.CANCELLED: "M-2.5 2.5l5 -5",
    Status.LOST: "M0 -3.2L3.2 0 0 3.2 -3.2 0z",
    Status.WAITING: "M-1.5 -2.5v5M1.5 -2.5v5",
    Status.RUNNING: "M2.8 0A2.8 2.8 0 1 1 0 -2.8",
    Status.QUEUED: "M-3 0h.01M0 0h.01M3 0h.01",
}


@dataclass(frozen=True, slots=True)
class RunBarShape:
    run_id: int
    status: str
    title: str
    x: float
    y: float
    height: float
    sign: str

    @property
    def middle(self) -> float:
        return self.x + 1.6


def lay_out_run_bars(bars: Sequence[RunBar], now: datetime) -> list[RunBarShape]:
    """Oldest first, the newest at the right edge."""
    times = [get_run_seconds(bar, now) for bar in bars]
    longest = max((time for time in times if time), default=0.0) or 1.0
    first = SLOTS - len(bars)
    return [_drawn(bar, time, longest, (first + index) * 5.0) for index, (bar, time) in enumerate(zip(bars, times, strict=True))]


def get_run_seconds(bar: RunBar, now: datetime) -> float | None:
    """Seconds from its first start to its end, or until now; None before it started."""
    if bar.started_at is None:
        return None
    return max(0.0, ((bar.finished_at or now) - bar.started_at).total_seconds())


def _drawn(bar: RunBar, time: float | None, longest: float, x: float) -> RunBarShape:
    height = STUB if time is None else round(max(SHORTEST, TALLEST * time / longest), 1)
    words = f", {format_duration(time)}" if time is not None and bar.status is not Status.RUNNING else ""
    title = f"#{bar.number:,} {bar.status}{words}"
    return RunBarShape(bar.id, bar.status.value, title, x, round(BASELINE - height, 1), height, STATUS_SYMBOLS.get(bar.status, ""))
