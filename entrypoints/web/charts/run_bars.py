"""A pipeline's last runs as bars: x in percent, height by duration, and a symbol below for each status but completed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration
from application.queries.views.runs import RunBar
from domain.runs.active_time import get_active_seconds
from domain.runs.status import Status

SLOTS = 20
MAX_HEIGHT, MIN_HEIGHT, BASELINE = 28.0, 4.0, 31.0
UNSTARTED_HEIGHT = 5.0
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
    """A bar. `symbol` is the SVG path below it, empty for completed runs."""

    run_id: int
    status: str
    title: str
    x: float
    y: float
    height: float
    symbol: str

    @property
    def middle(self) -> float:
        """The x of the bar's middle."""
        return self.x + 1.6


def lay_out_run_bars(bars: Sequence[RunBar], now: datetime) -> list[RunBarShape]:
    """Return a bar for each run, oldest first; the newest is at the right edge."""
    times = [get_active_seconds(bar, now) for bar in bars]
    longest = max((time for time in times if time), default=0.0) or 1.0
    first = SLOTS - len(bars)
    return [_lay_out_bar(bar, time, longest, (first + index) * 5.0) for index, (bar, time) in enumerate(zip(bars, times, strict=True))]


def _lay_out_bar(bar: RunBar, time: float | None, longest: float, x: float) -> RunBarShape:
    height = UNSTARTED_HEIGHT if time is None else round(max(MIN_HEIGHT, MAX_HEIGHT * time / longest), 1)
    duration = f", {format_duration(time)}" if time is not None and bar.status is not Status.RUNNING else ""
    title = f"#{bar.number} {bar.status}{duration}"
    return RunBarShape(bar.id, bar.status.value, title, x, round(BASELINE - height, 1), height, STATUS_SYMBOLS.get(bar.status, ""))
