"""How long each of a pipeline's runs took and how many records it processed, on the columns of the stage grid."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.runs.status import Status
from entrypoints.web.charts.run_bars import STATUS_SYMBOLS

COLUMN = 24
BAR = 14.0
TALLEST, SHORTEST, BASELINE = 50.0, 2.0, 60.0
DURATION_HEIGHT, RECORDS_HEIGHT = 76, 56
HIGHEST, LOWEST = 18.0, 46.0
OUTLINED = frozenset({Status.CANCELLED, Status.LOST, Status.QUEUED})


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """A run as the trend needs it: `seconds` until its end or now; None where there is nothing to tell."""

    run_id: int
    status: Status
    seconds: float | None
    records: int | None
    title: str


@dataclass(frozen=True, slots=True)
class TrendBar:
    run_id: int
    status: str
    title: str
    x: float
    y: float
    width: float
    height: float
    middle: float
    sign: str


@dataclass(frozen=True, slots=True)
class TrendLayout:
    """`median_y` is where the usual time stands; `lines` are the points of the records, a gap where a run has none."""

    width: int
    duration_height: int
    records_height: int
    ticks: Sequence[float]
    bars: Sequence[TrendBar]
    median_y: float | None
    lines: Sequence[str]
    dot: tuple[float, float] | None


def lay_out_trend(points: Sequence[TrendPoint], usual: float | None) -> TrendLayout:
    """`points` oldest first."""
    longest = max((point.seconds for point in points if point.seconds), default=0.0)
    longest = max(longest, usual or 0.0) or 1.0
    bars = [_bar(index, point, longest) for index, point in enumerate(points) if point.seconds is not None]
    placed = _placed(points)
    return TrendLayout(
        width=COLUMN * len(points),
        duration_height=DURATION_HEIGHT,
        records_height=RECORDS_HEIGHT,
        ticks=[index * COLUMN + 0.5 for index in range(0, len(points), 5)],
        bars=bars,
        median_y=round(BASELINE - TALLEST * usual / longest, 1) if usual else None,
        lines=[" ".join(f"{x:g},{y:g}" for x, y in line) for line in placed],
        dot=placed[-1][-1] if placed else None,
    )


def _bar(index: int, point: TrendPoint, longest: float) -> TrendBar:
    height = round(max(SHORTEST, TALLEST * (point.seconds or 0.0) / longest), 1)
    inset = 0.75 if point.status in OUTLINED else 0.0
    left = index * COLUMN + (COLUMN - BAR) / 2
    middle = index * COLUMN + COLUMN / 2
    return TrendBar(
        run_id=point.run_id,
        status=point.status.value,
        title=point.title,
        x=left + inset,
        y=round(BASELINE - height + inset, 1),
        width=BAR - 2 * inset,
        height=max(1.0, round(height - 2 * inset, 1)),
        middle=middle,
        sign=STATUS_SYMBOLS.get(point.status, ""),
    )


def _placed(points: Sequence[TrendPoint]) -> list[list[tuple[float, float]]]:
    """Where the records stand: from none at the bottom to the most at the top."""
    most = max((point.records for point in points if point.records is not None), default=0) or 1
    lines: list[list[tuple[float, float]]] = [[]]
    for index, point in enumerate(points):
        if point.records is None:
            lines.append([])
        else:
            y = LOWEST - (LOWEST - HIGHEST) * point.records / most
            lines[-1].append((index * COLUMN + COLUMN / 2, round(y, 1)))
    return [line for line in lines if line]
