"""A time axis that leaves out idle periods: a cut of fixed width stands for each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration
from application.queries.runs.idle_periods import IdlePeriod

MIN_CUT_SECONDS = 5.0
MIN_CUT_SHARE = 0.25
"""A period is cut if it is this long, and this part of the rest of the axis."""
CUT_SHARE, MAX_CUTS_SHARE = 0.06, 0.5
"""The width of a cut, and of all cuts, as a part of the rest of the axis."""
MIN_TICK_DISTANCE = 4.5
LABEL_WIDTH = 18.0
"""The width in percent that the label of a cut needs, also on a phone."""
STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 172_800, 604_800),
)
MAX_TICKS = 8


@dataclass(frozen=True, slots=True)
class AxisTick:
    """A label of the axis."""

    x: float
    label: str
    is_minor: bool


@dataclass(frozen=True, slots=True)
class AxisCut:
    """An idle period. `x` and `width` are in percent, and `title` says it in words.

    `label` is at `label_x`, which is its `anchor`: start, middle or end. It is empty if another label is too near.
    """

    x: float
    width: float
    title: str
    label: str
    label_x: float
    anchor: str


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The axis from `start`. Unfinished attempts extend to `end`.

    `cuts` are (start, seconds, words) in seconds after `start`, in order. `cut_width` is the width of each in seconds of the axis, and
    `span` the width of the axis in seconds, cuts included.
    """

    start: datetime
    span: float
    end: datetime
    cuts: Sequence[tuple[float, float, str]] = ()
    cut_width: float = 0.0

    def get_x(self, at: datetime) -> float:
        """Return the x of a time, in percent."""
        return self.get_offset_x((at - self.start).total_seconds())

    def get_offset_x(self, seconds: float) -> float:
        """Return the x of a time in seconds after the start."""
        return self._to_percent(self._shorten(seconds))

    def _shorten(self, seconds: float) -> float:
        shortened = seconds
        for start, length, _ in self.cuts:
            passed = min(max(0.0, seconds - start), length)
            shortened -= passed * (1 - self.cut_width / length)
        return shortened

    def _to_percent(self, shortened: float) -> float:
        return round(min(100.0, max(0.0, shortened / self.span * 100)), 2)

    def lay_out_cuts(self, now: float | None) -> list[AxisCut]:
        """Return the cuts. `now` is the x of the current time, which has a label too."""
        laid_out: list[AxisCut] = []
        free_from = 0.0
        for start, length, words in self.cuts:
            x = self.get_offset_x(start)
            width = round(self.get_offset_x(start + length) - x, 2)
            label_x, anchor, left = _place_label(x + width / 2, now)
            has_room = left >= free_from
            laid_out.append(AxisCut(x, width, words, f"{format_duration(length)} idle" if has_room else "", label_x, anchor))
            free_from = left + LABEL_WIDTH if has_room else free_from
        return laid_out

    def lay_out_ticks(self, now: float | None, cuts: Sequence[AxisCut]) -> list[AxisTick]:
        """Return labels of the time without the cuts. There is none beside `now`, the x of the current time, or a cut."""
        rest = self.span - self.cut_width * len(self.cuts)
        step = next((step for step in STEPS if rest / step <= MAX_TICKS), rest / MAX_TICKS)
        taken = [] if now is None else [(now, now)]
        for cut in cuts:
            left = {"start": 0.0, "middle": 0.5, "end": 1.0}[cut.anchor] * LABEL_WIDTH
            taken += [(cut.x, cut.x + cut.width), *([(cut.label_x - left, cut.label_x - left + LABEL_WIDTH)] if cut.label else [])]
        ticks = []
        for index in range(int(rest / step) + 1):
            x = self._to_percent(self._add_cuts(index * step))
            if x <= 97 and all(x < left - MIN_TICK_DISTANCE or x > right + MIN_TICK_DISTANCE for left, right in taken):
                ticks.append(AxisTick(x, _format_tick(index * step, step), index % 3 != 0))
        return ticks

    def _add_cuts(self, active: float) -> float:
        """Return the place of a time that counts without the cuts."""
        before, passed = 0, 0.0
        for start, length, _ in self.cuts:
            if active > start - passed:
                before, passed = before + 1, passed + length
        return active + before * self.cut_width


def build_time_axis(start: datetime, end: datetime, length: float, idle: Sequence[IdlePeriod], min_span: float) -> TimeAxis:
    """Return an axis that shows `length` seconds, with the long ones of the idle periods cut."""
    cuts = _choose_cuts(start, length, idle)
    rest = max((length - sum(seconds for _, seconds, _ in cuts)) * 1.04, min_span)
    cut_width = rest * min(CUT_SHARE, MAX_CUTS_SHARE / len(cuts)) if cuts else 0.0
    return TimeAxis(start, rest + cut_width * len(cuts), end, cuts, cut_width)


def _choose_cuts(start: datetime, length: float, idle: Sequence[IdlePeriod]) -> list[tuple[float, float, str]]:
    rest = length - sum(period.seconds for period in idle)
    return [
        ((period.start - start).total_seconds(), period.seconds, f"{format_duration(period.seconds)} idle, {period.cause.words}")
        for period in idle
        if period.seconds >= max(MIN_CUT_SECONDS, rest * MIN_CUT_SHARE)
    ]


def _place_label(middle: float, now: float | None) -> tuple[float, str, float]:
    """Return the x of the label of a cut, its anchor, and its left edge: in the middle of the cut, if the label of `now` leaves room."""
    half = LABEL_WIDTH / 2
    if now is not None and abs(middle - now) < half + MIN_TICK_DISTANCE:
        end = now - MIN_TICK_DISTANCE
        start = now + MIN_TICK_DISTANCE
        return (round(end, 2), "end", end - LABEL_WIDTH) if end >= LABEL_WIDTH else (round(start, 2), "start", start)
    if middle < half:
        return 0.0, "start", 0.0
    return (100.0, "end", 100 - LABEL_WIDTH) if middle > 100 - half else (round(middle, 2), "middle", middle - half)


def _format_tick(at: float, step: float) -> str:
    """Return the label. Steps under 0.1 s are in milliseconds throughout, because several of them would be "0.1 s"."""
    return f"{at * 1_000:.0f} ms" if at and step < 0.1 else format_duration(round(at, 1))
