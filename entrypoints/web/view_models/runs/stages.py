"""A run's stages in their three views: graph, waterfall, list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from application.queries.explain.durations import format_duration
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Reason, Status
from entrypoints.web.charts.stage_graph import Box, EdgePath, GraphLayout, lay_out_graph
from entrypoints.web.charts.waterfall import StageLane, WaterfallLayout, lay_out_waterfall
from entrypoints.web.view_models.formatting import DASH, StatusLabel, Timestamp, format_count, format_time, get_status_label

LETTER = 7.4
BELOW = 13.0
"""Pixels from a box down to the foot of what is printed under it; the next box is 20 away."""
DIGIT = 7.0
"""Pixels a digit of a count takes, about."""
TEXT_LEFT = 36.0


@dataclass(frozen=True, slots=True)
class StageItem:
    """What waterfall and list say of a stage."""

    name: str
    kind: str
    href: str
    status: StatusLabel
    attempts: Sequence[StatusLabel]
    started: Timestamp | None
    took: str
    usually: str
    records: str
    note: str
    lane: StageLane
    more: str
    """Where its attempts are, and what may be done to it."""


@dataclass(frozen=True, slots=True)
class Node:
    box: Box
    label: str
    full_name: str
    sub: str
    status: StatusLabel
    href: str


@dataclass(frozen=True, slots=True)
class Edge:
    line: EdgePath
    is_passed: bool


@dataclass(frozen=True, slots=True)
class RecordCount:
    """How many records left a stage, printed where its line begins; how many came to one that passed on another number, below its
    box (`is_in`), where no line and no other count is."""

    x: float
    y: float
    text: str
    title: str
    is_in: bool = False


@dataclass(frozen=True, slots=True)
class StageGraph:
    drawing: GraphLayout
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    counts: Sequence[RecordCount]

    @property
    def width(self) -> float:
        """With room for what is printed beside the last boxes."""
        return max([self.drawing.width, *(count.x + DIGIT * len(count.text) for count in self.counts if not count.is_in)])

    @property
    def height(self) -> float:
        """With room for what is printed under the lowest boxes."""
        return max([self.drawing.height, *(count.y + 4 for count in self.counts)])


@dataclass(frozen=True, slots=True)
class StageViews:
    rows: Sequence[StageItem]
    waterfall: WaterfallLayout
    graph: StageGraph


def build_stage_views(run: RunView, usual: Mapping[str, float], now: datetime, view: str) -> StageViews:
    waterfall = lay_out_waterfall(run, usual, now)
    rows = [_row(run, stage, usual, now, waterfall.lanes[stage.name], view) for stage in run.stages]
    return StageViews(rows, waterfall, build_run_graph(run, usual, now))


def build_log_link(run_id: int, stage: str, view: str) -> str:
    return f"/ui/runs/{run_id}?view={view}&stage={quote(stage)}#log"


def _row(run: RunView, stage: StageRunView, usual: Mapping[str, float], now: datetime, lane: StageLane, view: str) -> StageItem:
    newest = stage.newest
    started = next((attempt.started_at for attempt in stage.attempts if attempt.started_at), None)
    took = _took(stage, now)
    return StageItem(
        name=stage.name,
        kind=stage.kind,
        href=build_log_link(run.id, stage.name, view),
        status=get_status_label(stage.status),
        attempts=[get_status_label(attempt.status) for attempt in stage.attempts if attempt.started_at or attempt.finished_at],
        started=format_time(started),
        took=format_duration(took) if took is not None else DASH,
        usually=format_duration(usual[stage.name]) if stage.name in usual else DASH,
        records=format_count(newest.records_processed),
        note=_note(stage),
        lane=lane,
        more=f"/ui/runs/{run.id}/stages/{quote(stage.name)}",
    )


def _took(stage: StageRunView, now: datetime) -> float | None:
    """From its first start to its end, retries and their waits included."""
    started = next((attempt.started_at for attempt in stage.attempts if attempt.started_at), None)
    if started is None:
        return None
    return max(0.0, ((stage.newest.finished_at or now) - started).total_seconds())


def _note(stage: StageRunView) -> str:
    newest = stage.newest
    if newest.status is Status.SKIPPED and newest.reason is Reason.UPSTREAM:
        return "needs " + ", ".join(stage.needs)
    told = [attempt for attempt in stage.attempts if attempt.error_message]
    if told:
        which = f"attempt {told[-1].number}: " if told[-1] is not newest else ""
        return which + _first_line(told[-1])
    return (newest.message or "").split("\n")[0][:160]


def _first_line(attempt: AttemptView) -> str:
    return (attempt.error_message or "").strip().split("\n")[0][:160]


def build_run_graph(run: RunView, usual: Mapping[str, float], now: datetime) -> StageGraph:
    drawing = lay_out_graph({stage.name: stage.needs for stage in run.stages})
    stages = {stage.name: stage for stage in run.stages}
    nodes = [_node(box, stages[box.stage], usual, now, build_log_link(run.id, box.stage, "graph")) for box in drawing.boxes]
    edges = [Edge(line, stages[line.source].status is Status.COMPLETED and _begun(stages[line.target])) for line in drawing.lines]
    return StageGraph(drawing, nodes, edges, [count for box in drawing.boxes for count in _counts(box, drawing, stages)])


def _counts(box: Box, drawing: GraphLayout, stages: Mapping[str, StageRunView]) -> list[RecordCount]:
    """Out of every stage; into it where that differs."""
    out, came = stages[box.stage].newest.records_processed, _came_to(box.stage, stages)
    middle, found = box.y + box.height / 2, []
    if out is not None:
        is_last = all(line.source != box.stage for line in drawing.lines)
        found.append(
            RecordCount(box.x + box.width + 6, middle + (4 if is_last else -5), f"{out:,}", f"{box.stage} passed on {out:,} records")
        )
    if came is not None and out is not None and came != out:
        found.append(RecordCount(box.x + 2, box.y + box.height + BELOW, f"{came:,} in", f"{box.stage} got {came:,} records", is_in=True))
    return found


def _came_to(name: str, stages: Mapping[str, StageRunView]) -> int | None:
    """What the stages before it passed on, together; None when one of them told of no records, or there is none."""
    passed = [stages[need].newest.records_processed for need in dict.fromkeys(stages[name].needs)]
    known = [count for count in passed if count is not None]
    return sum(known) if known and len(known) == len(passed) else None


def build_definition_graph(pipeline: PipelineView) -> StageGraph:
    """Before the first run: every stage pending."""
    drawing = lay_out_graph({stage.name: stage.needs for stage in pipeline.definition.stages})
    kinds = {stage.name: stage.kind.value for stage in pipeline.definition.stages}
    pending = get_status_label(Status.PENDING)
    nodes = [Node(box, _label(box), box.stage, kinds[box.stage], pending, "") for box in drawing.boxes]
    return StageGraph(drawing, nodes, [Edge(line, False) for line in drawing.lines], ())


def _begun(stage: StageRunView) -> bool:
    return stage.status not in (Status.PENDING, Status.SKIPPED, Status.CANCELLED) or any(a.started_at for a in stage.attempts)


def _node(box: Box, stage: StageRunView, usual: Mapping[str, float], now: datetime, href: str) -> Node:
    took = _took(stage, now)
    newest = stage.newest
    if newest.status in (Status.FAILED, Status.LOST):
        tries = f"attempt {newest.number} of {stage.retries + 1} · " if stage.retries else ""
        sub = f"{tries}{newest.reason or newest.status}"
    elif took is None:
        sub = f"usually {format_duration(usual[stage.name])}" if stage.name in usual else stage.kind
    else:
        sub = f"{stage.kind} · {format_duration(took)}"
    return Node(box, _label(box), stage.name, sub, get_status_label(stage.status), href)


def _label(box: Box) -> str:
    room = int((box.width - TEXT_LEFT - 8) / LETTER)
    return box.stage if len(box.stage) <= room else box.stage[: room - 1] + "…"
