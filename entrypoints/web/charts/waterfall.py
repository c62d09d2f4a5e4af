"""Stages on a time axis: x in percent so that it fits any width, attempts stacked downwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.queries.explain.durations import format_duration
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Reason, Status

STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400, 172_800, 604_800),
)
MOST_TICKS = 8
SHORTEST = 0.005
SHORTEST_UNDER_WAY = 0.5
"""Seconds that are drawn at least: what has just begun would else be drawn to another scale each time."""
ROW, BAR = 40, 12
SHOWN_ATTEMPTS = 6
NOTED_QUEUE = 2.0
"""Seconds in the queue from which on it is said in words."""


@dataclass(frozen=True, slots=True)
class AxisTick:
    x: float
    word: str
    is_minor: bool


@dataclass(frozen=True, slots=True)
class WaterfallShape:
    """A bar, a hatched wait (`hold`), a dotted queue or a dashed ghost; x and width in percent."""

    shape: str
    status: str
    x: float
    width: float
    y: float


@dataclass(frozen=True, slots=True)
class WaterfallNote:
    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class StageLane:
    height: int
    pieces: Sequence[WaterfallShape]
    notes: Sequence[WaterfallNote]
    median: float | None
    median_y: float
    words: str


@dataclass(frozen=True, slots=True)
class WaterfallLayout:
    ticks: Sequence[AxisTick]
    now: float | None
    lanes: Mapping[str, StageLane]


def lay_out_waterfall(run: RunView, usual: Mapping[str, float], now: datetime) -> WaterfallLayout:
    """`usual` is the median of each stage in seconds."""
    end = run.finished_at or now
    expected = {} if run.status.is_terminal else _expected(run, usual, now)
    last = max([(end - run.created_at).total_seconds(), *(begin + usual[name] for name, begin in expected.items())])
    axis = _Axis(run.created_at, max(last * 1.04, SHORTEST if run.status.is_terminal else SHORTEST_UNDER_WAY), end)
    lanes = {stage.name: _lane(stage, axis, usual.get(stage.name), expected.get(stage.name)) for stage in run.stages}
    here = None if run.status.is_terminal else axis.at(now)
    return WaterfallLayout(_ticks(axis.span, here), here, lanes)


@dataclass(frozen=True, slots=True)
class _Axis:
    start: datetime
    span: float
    end: datetime

    def at(self, moment: datetime) -> float:
        return self.of((moment - self.start).total_seconds())

    def of(self, after: float) -> float:
        return round(min(100.0, max(0.0, after / self.span * 100)), 2)


def _expected(run: RunView, usual: Mapping[str, float], now: datetime) -> dict[str, float]:
    """When each stage that has not started may start, in seconds after the run's opening; only those whose median is known."""
    ends: dict[str, float] = {}
    begins: dict[str, float] = {}
    passed = (now - run.created_at).total_seconds()
    remaining = list(run.stages)
    while remaining:
        ready = [stage for stage in remaining if all(need in ends for need in stage.needs)] or remaining
        for stage in ready:
            remaining.remove(stage)
            newest = stage.newest
            if newest.finished_at or newest.started_at:
                begun = ((newest.started_at or newest.created_at) - run.created_at).total_seconds()
                ends[stage.name] = max(passed, begun + usual.get(stage.name, 0.0)) if not newest.finished_at else passed
                continue
            begin = max([passed, *(ends.get(need, passed) for need in stage.needs)])
            ends[stage.name] = begin + usual.get(stage.name, 0.0)
            if stage.name in usual and stage.status in (Status.PENDING, Status.QUEUED):
                begins[stage.name] = begin
    return begins


def _ticks(span: float, now: float | None) -> list[AxisTick]:
    step = next((step for step in STEPS if span / step <= MOST_TICKS), span / MOST_TICKS)
    ticks = []
    for index in range(int(span / step) + 1):
        x = round(index * step / span * 100, 2)
        if x <= 97 and (now is None or abs(x - now) > 4.5):
            ticks.append(AxisTick(x, _tick_words(index * step, step), index % 3 != 0))
    return ticks


def _tick_words(at: float, step: float) -> str:
    """Fine steps are told in milliseconds to the end, since "0.1 s" would stand for several of them."""
    return f"{at * 1_000:.0f} ms" if at and step < 0.1 else format_duration(round(at, 1))


def _lane(stage: StageRunView, axis: _Axis, usual: float | None, expected: float | None) -> StageLane:
    attempts = stage.attempts[-SHOWN_ATTEMPTS:]
    row = BAR + 4
    height = max(ROW, row * len(attempts) + 8)
    top = (height - row * len(attempts)) / 2 + 2
    pieces: list[WaterfallShape] = []
    notes: list[WaterfallNote] = []
    for index, attempt in enumerate(attempts):
        y = top + index * row
        pieces += _pieces(attempt, axis, y)
        notes += _notes(attempt, axis, y + 10, is_last=index == len(attempts) - 1)
    y = top + (len(attempts) - 1) * row
    newest = attempts[-1]
    median = None
    if expected is not None and usual is not None:
        pieces.append(WaterfallShape("ghost", "pending", axis.of(expected), _width(axis.of(expected), axis.of(expected + usual)), y))
        if axis.of(expected + usual) < 84:
            notes.append(WaterfallNote(axis.of(expected + usual), y + 10, f"usually {format_duration(usual)}"))
    elif usual is not None and newest.started_at:
        median = axis.at(newest.started_at + timedelta(seconds=usual))
    words = "; ".join(_words(attempt, axis.end, len(stage.attempts) > 1) for attempt in stage.attempts)
    said = f"; the median is {format_duration(usual)}" if usual is not None else ""
    return StageLane(height, pieces, notes, median, y, words + said)


def _pieces(attempt: AttemptView, axis: _Axis, y: float) -> list[WaterfallShape]:
    over = attempt.finished_at or axis.end
    begun = attempt.started_at or over
    pieces = []
    waits = attempt.status is Status.WAITING or attempt.reason in (Reason.RETRY, Reason.EXTERNAL) or attempt.due_at is not None
    is_retry = attempt.number > 1 and attempt.queued_at is not None and attempt.queued_at > attempt.created_at
    if is_retry and attempt.queued_at:
        pieces.append(_piece("hold", "waiting", axis, attempt.created_at, attempt.queued_at, y))
    elif waits and attempt.queued_at is None:
        pieces.append(_piece("hold", "waiting", axis, attempt.created_at, begun, y))
    if attempt.queued_at and begun > attempt.queued_at:
        pieces.append(_piece("queue", "queued", axis, attempt.queued_at, begun, y + BAR / 2))
    if attempt.started_at:
        pieces.append(_piece("bar", attempt.status.value, axis, attempt.started_at, over, y))
    return [piece for piece in pieces if piece.width > 0]


def _piece(shape: str, status: str, axis: _Axis, begin: datetime, end: datetime, y: float) -> WaterfallShape:
    x = axis.at(begin)
    width = _width(x, axis.at(end))
    return WaterfallShape(shape, status, x, max(width, 0.35) if shape == "bar" else width, y)


def _width(x: float, end: float) -> float:
    return round(max(0.0, end - x), 2)


def _notes(attempt: AttemptView, axis: _Axis, y: float, *, is_last: bool) -> list[WaterfallNote]:
    x = axis.at(attempt.finished_at or axis.end)
    if x > 78:
        return []
    if attempt.status in (Status.FAILED, Status.LOST) and attempt.error_message:
        return [WaterfallNote(x, y, attempt.error_message.strip().split("\n")[0][:40])]
    if is_last and attempt.queued_at and attempt.started_at and attempt.finished_at:
        queued = (attempt.started_at - attempt.queued_at).total_seconds()
        if queued >= NOTED_QUEUE and queued / axis.span > 0.02:
            return [WaterfallNote(x, y, f"{format_duration(queued)} in the queue")]
    return []


def _words(attempt: AttemptView, end: datetime, several: bool) -> str:
    name = f"attempt {attempt.number} " if several else ""
    if attempt.started_at is None:
        return f"{name}{attempt.status}, not started"
    took = format_duration(((attempt.finished_at or end) - attempt.started_at).total_seconds())
    return f"{name}{attempt.status} {'in' if attempt.finished_at else 'for'} {took}"
