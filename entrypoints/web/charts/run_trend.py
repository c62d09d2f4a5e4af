"""Charts of the durations and records of a pipeline's runs, aligned with the columns of the stage grid."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.runs.status import Status
from entrypoints.web.charts.run_bars import STATUS_SYMBOLS

COLUMN_WIDTH = 24
BAR_WIDTH = 14.0
MAX_HEIGHT, MIN_HEIGHT, BASELINE = 50.0, 2.0, 60.0
DURATION_HEIGHT, RECORDS_HEIGHT = 76, 56
RECORDS_TOP, RECORDS_BOTTOM = 18.0, 46.0
OUTLINED_STATUSES = frozenset({Status.CANCELLED, Status.LOST, Status.QUEUED})


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A run's active time until its end or now, and its records; None if unknown."""

    run_id: int
    status: Status
    seconds: float | None
    records: int | None
    title: str


@dataclass(frozen=True, slots=True)
class TrendBar:
    """A run's bar. `symbol` is the SVG path below it, empty for completed runs."""

    run_id: int
    status: str
    title: str
    x: float
    y: float
    width: float
    height: float
    middle: float
    symbol: str


@dataclass(frozen=True, slots=True)
class TrendLayout:
    """The charts. `median_y` is the y of the median duration; `lines` are SVG points of the records, with a gap at runs without any."""

    width: int
    duration_height: int
    records_height: int
    ticks: Sequence[float]
    bars: Sequence[TrendBar]
    median_y: float | None
    lines: Sequence[str]
    dot: tuple[float, float] | None


def lay_out_trend(points: Sequence[TrendPoint], median_seconds: float | None) -> TrendLayout:
    """Lay out the charts. `points` are oldest first."""
    longest = max((point.seconds for point in points if point.seconds), default=0.0)
    longest = max(longest, median_seconds or 0.0) or 1.0
    bars = [_lay_out_bar(index, point, longest) for index, point in enumerate(points) if point.seconds is not None]
    lines = _lay_out_records(points)
    return TrendLayout(
        width=COLUMN_WIDTH * len(points),
        duration_height=DURATION_HEIGHT,
        records_height=RECORDS_HEIGHT,
        ticks=[index * COLUMN_WIDTH + 0.5 for index in range(0, len(points), 5)],
        bars=bars,
        median_y=round(BASELINE - MAX_HEIGHT * median_seconds / longest, 1) if median_seconds else None,
        lines=[" ".join(f"{x:g},{y:g}" for x, y in line) for line in lines],
        dot=lines[-1][-1] if lines else None,
    )


def _lay_out_bar(index: int, point: TrendPoint, longest: float) -> TrendBar:
    height = round(max(MIN_HEIGHT, MAX_HEIGHT * (point.seconds or 0.0) / longest), 1)
    inset = 0.75 if point.status in OUTLINED_STATUSES else 0.0
    left = index * COLUMN_WIDTH + (COLUMN_WIDTH - BAR_WIDTH) / 2
    middle = index * COLUMN_WIDTH + COLUMN_WIDTH / 2
    return TrendBar(
        run_id=point.run_id,
        status=point.status.value,
        title=point.title,
        x=left + inset,
        y=round(BASELINE - height + inset, 1),
        width=BAR_WIDTH - 2 * inset,
        height=max(1.0, round(height - 2 * inset, 1)),
        middle=middle,
        symbol=STATUS_SYMBOLS.get(point.status, ""),
    )


def _lay_out_records(points: Sequence[TrendPoint]) -> list[list[tuple[float, float]]]:
    """Return the points of each unbroken line, from 0 records at the bottom to the maximum at the top."""
    most = max((point.records for point in points if point.records is not None), default=0) or 1
    lines: list[list[tuple[float, float]]] = [[]]
    for index, point in enumerate(points):
        if point.records is None:
            lines.append([])
        else:
            y = RECORDS_BOTTOM - (RECORDS_BOTTOM - RECORDS_TOP) * point.records / most
            lines[-1].append((index * COLUMN_WIDTH + COLUMN_WIDTH / 2, round(y, 1)))
    return [line for line in lines if line]
