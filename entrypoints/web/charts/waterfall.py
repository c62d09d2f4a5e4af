"""Stages on a time axis: x in percent, so that it fits any width; the attempts of a stage below each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.queries.explain.durations import format_duration
from application.queries.runs.idle_periods import find_idle_periods
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.pipelines.definition import StageKind
from domain.pipelines.graph import sort_topologically
from domain.runs.status import Reason, Status
from entrypoints.web.charts.time_axis import AxisCut, AxisTick, TimeAxis, build_time_axis

MIN_SPAN = 0.005
MIN_ACTIVE_SPAN = 0.5
"""The shortest axis of an active run, in seconds, so that the scale of a run that just began does not change at each rendering."""
ROW_HEIGHT, BAR_HEIGHT = 40, 12
ATTEMPTS_SHOWN = 6
MIN_NOTED_QUEUE = 2.0
"""A note says how long an attempt was queued if it was this many seconds."""


@dataclass(frozen=True, slots=True)
class WaterfallShape:
    """A part of an attempt. `shape` is bar, hold (waited), queue or ghost (expected); x and width are in percent."""

    shape: str
    status: str
    x: float
    width: float
    y: float


@dataclass(frozen=True, slots=True)
class WaterfallNote:
    """A text beside a bar."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class StageLane:
    """A stage's lane. `median` is the x of its median duration; `description` says in words what the lane shows."""

    height: int
    shapes: Sequence[WaterfallShape]
    notes: Sequence[WaterfallNote]
    median: float | None
    median_y: float
    description: str


@dataclass(frozen=True, slots=True)
class WaterfallLayout:
    """The axis and a lane for each stage. `now` is the x of the current time, None for a finished run.

    `cuts` are the idle periods that the axis leaves out, and `idle` says them in words.
    """

    ticks: Sequence[AxisTick]
    now: float | None
    lanes: Mapping[str, StageLane]
    cuts: Sequence[AxisCut] = ()

    @property
    def idle(self) -> str:
        """The idle periods in words; empty without any."""
        return f"Not to scale: {'; '.join(cut.title for cut in self.cuts)}." if self.cuts else ""


def lay_out_waterfall(run: RunView, medians: Mapping[str, float], now: datetime, shown: Sequence[StageRunView]) -> WaterfallLayout:
    """Lay out a run, with lanes for the stages `shown`. `medians` are the stages' durations in seconds."""
    end = run.finished_at or now
    expected = {} if run.status.is_terminal else _predict_starts(run, medians, now)
    last = max([(end - run.created_at).total_seconds(), *(start + medians[name] for name, start in expected.items())])
    min_span = MIN_SPAN if run.status.is_terminal else MIN_ACTIVE_SPAN
    axis = build_time_axis(run.created_at, end, last, find_idle_periods(run, now), min_span)
    lanes = {stage.name: _lay_out_lane(stage, axis, medians.get(stage.name), expected.get(stage.name)) for stage in shown}
    now_x = None if run.status.is_terminal else axis.get_x(now)
    cuts = axis.lay_out_cuts(now_x)
    return WaterfallLayout(axis.lay_out_ticks(now_x, cuts), now_x, lanes, cuts)


def _predict_starts(run: RunView, medians: Mapping[str, float], now: datetime) -> dict[str, float]:
    """Return when each stage with a known median that has not started will start, in seconds after the run's creation."""
    ends: dict[str, float] = {}
    starts: dict[str, float] = {}
    elapsed = (now - run.created_at).total_seconds()
    stages = {stage.name: stage for stage in run.stages}
    for stage in map(stages.__getitem__, sort_topologically({stage.name: stage.needs for stage in run.stages})):
        newest = stage.newest
        if newest.finished_at or newest.started_at:
            started = ((newest.started_at or newest.created_at) - run.created_at).total_seconds()
            ends[stage.name] = max(elapsed, started + medians.get(stage.name, 0.0)) if not newest.finished_at else elapsed
            continue
        start = max([elapsed, *(ends.get(need, elapsed) for need in stage.needs)])
        ends[stage.name] = start + medians.get(stage.name, 0.0)
        if stage.name in medians and stage.status in (Status.PENDING, Status.QUEUED):
            starts[stage.name] = start
    return starts


def _lay_out_lane(stage: StageRunView, axis: TimeAxis, median_seconds: float | None, expected: float | None) -> StageLane:
    attempts = stage.attempts[-ATTEMPTS_SHOWN:]
    row = BAR_HEIGHT + 4
    height = max(ROW_HEIGHT, row * len(attempts) + 8)
    top = (height - row * len(attempts)) / 2 + 2
    shapes: list[WaterfallShape] = []
    notes: list[WaterfallNote] = []
    for index, attempt in enumerate(attempts):
        y = top + index * row
        shapes += _lay_out_attempt(stage, attempt, axis, y)
        notes += _build_notes(attempt, axis, y + 10, is_last=index == len(attempts) - 1)
    y = top + (len(attempts) - 1) * row
    newest = attempts[-1]
    median = None
    if expected is not None and median_seconds is not None:
        start_x, end_x = axis.get_offset_x(expected), axis.get_offset_x(expected + median_seconds)
        shapes.append(WaterfallShape("ghost", "pending", start_x, _get_width(start_x, end_x), y))
        if end_x < 84:
            notes.append(WaterfallNote(end_x, y + 10, f"usually {format_duration(median_seconds)}"))
    elif median_seconds is not None and newest.started_at:
        median = axis.get_x(newest.started_at + timedelta(seconds=median_seconds))
    description = "; ".join(_describe_attempt(attempt, axis.end, len(stage.attempts) > 1) for attempt in attempts)
    if median_seconds is not None:
        description += f"; the median is {format_duration(median_seconds)}"
    return StageLane(height, shapes, notes, median, y, description)


def _lay_out_attempt(stage: StageRunView, attempt: AttemptView, axis: TimeAxis, y: float) -> list[WaterfallShape]:
    """Return the shapes of an attempt: its wait, its time in the queue and its run."""
    end = attempt.finished_at or axis.end
    start = attempt.started_at or end
    shapes = []
    asked_until = attempt.deadline_at if stage.kind == StageKind.APPROVAL else None
    has_waited = (
        asked_until is not None
        or attempt.status is Status.WAITING
        or attempt.reason in (Reason.RETRY, Reason.EXTERNAL)
        or attempt.due_at is not None
    )
    is_retry = attempt.number > 1 and attempt.queued_at is not None and attempt.queued_at > attempt.created_at
    if is_retry and attempt.queued_at:
        shapes.append(_build_shape("hold", "waiting", axis, attempt.created_at, attempt.queued_at, y))
    elif has_waited and attempt.queued_at is None:
        since = asked_until - timedelta(seconds=stage.timeout) if asked_until else attempt.created_at
        shapes.append(_build_shape("hold", "waiting", axis, since, start, y))
    if attempt.queued_at and start > attempt.queued_at:
        shapes.append(_build_shape("queue", "queued", axis, attempt.queued_at, start, y + BAR_HEIGHT / 2))
    if attempt.started_at:
        shapes.append(_build_shape("bar", attempt.status.value, axis, attempt.started_at, end, y))
    return [shape for shape in shapes if shape.width > 0]


def _build_shape(shape: str, status: str, axis: TimeAxis, start: datetime, end: datetime, y: float) -> WaterfallShape:
    x = axis.get_x(start)
    width = _get_width(x, axis.get_x(end))
    return WaterfallShape(shape, status, x, max(width, 0.35) if shape == "bar" else width, y)


def _get_width(x: float, end: float) -> float:
    return round(max(0.0, end - x), 2)


def _build_notes(attempt: AttemptView, axis: TimeAxis, y: float, *, is_last: bool) -> list[WaterfallNote]:
    x = axis.get_x(attempt.finished_at or axis.end)
    if x > 78:
        return []
    if attempt.status in (Status.FAILED, Status.LOST) and attempt.error_message:
        return [WaterfallNote(x, y, attempt.error_message.strip().split("\n")[0][:40])]
    if is_last and attempt.queued_at and attempt.started_at and attempt.finished_at:
        queued = (attempt.started_at - attempt.queued_at).total_seconds()
        if queued >= MIN_NOTED_QUEUE and queued / axis.span > 0.02:
            return [WaterfallNote(x, y, f"{format_duration(queued)} in the queue")]
    return []


def _describe_attempt(attempt: AttemptView, end: datetime, has_several: bool) -> str:
    name = f"attempt {attempt.number} " if has_several else ""
    if attempt.started_at is None and attempt.reason is Reason.LIMIT:
        return f"{name}waits for a slot of a concurrency limit"
    if attempt.started_at is None:
        return f"{name}{attempt.status}, not started"
    duration = format_duration(((attempt.finished_at or end) - attempt.started_at).total_seconds())
    return f"{name}{attempt.status} {'in' if attempt.finished_at else 'for'} {duration}"
