"""The stage graph of a run or a definition, with labels, statuses and record counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_duration
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView, StageRunView
from domain.runs.status import Status
from entrypoints.web.charts.stage_graph import CHARACTER_WIDTH, Box, EdgePath, GraphLayout, lay_out_graph
from entrypoints.web.view_models.formatting import StatusLabel, get_status_label
from entrypoints.web.view_models.runs.stage_links import build_log_link, get_stage_seconds

COUNT_OFFSET = 13.0
"""Pixels from a box down to the baseline of the count below it. The next box is 20 pixels away."""
DIGIT_WIDTH = 7.0
"""Approximate pixels of a digit of a count."""
LABEL_LEFT = 36.0
LABEL_RIGHT = 8.0


@dataclass(frozen=True, slots=True)
class Node:
    """A stage's box. `label` is its name, cut to the width of the box; `subtitle` is its kind, duration or error."""

    box: Box
    label: str
    full_name: str
    subtitle: str
    status: StatusLabel
    href: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two stages. `is_used` is True once the target began after the source completed."""

    path: EdgePath
    is_used: bool


@dataclass(frozen=True, slots=True)
class RecordCount:
    """The number of records that left a stage, where its edge begins; or that reached it (`is_input`), below its box."""

    x: float
    y: float
    text: str
    title: str
    is_input: bool = False


@dataclass(frozen=True, slots=True)
class StageGraph:
    """The graph."""

    layout: GraphLayout
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    counts: Sequence[RecordCount]

    @property
    def width(self) -> float:
        """Pixels, including the counts beside the last boxes."""
        return max([self.layout.width, *(count.x + DIGIT_WIDTH * len(count.text) for count in self.counts if not count.is_input)])

    @property
    def height(self) -> float:
        """Pixels, including the counts below the lowest boxes."""
        return max([self.layout.height, *(count.y + 4 for count in self.counts)])


def build_run_graph(run: RunView, medians: Mapping[str, float], now: datetime) -> StageGraph:
    """Return the graph of a run. `medians` are the stages' durations in seconds."""
    layout = lay_out_graph({stage.name: stage.needs for stage in run.stages})
    stages = {stage.name: stage for stage in run.stages}
    nodes = [_build_node(box, stages[box.stage], medians, now, build_log_link(run.id, box.stage, "graph")) for box in layout.boxes]
    edges = [Edge(path, stages[path.source].status is Status.COMPLETED and _has_begun(stages[path.target])) for path in layout.edges]
    return StageGraph(layout, nodes, edges, [count for box in layout.boxes for count in _build_counts(box, layout, stages)])


def build_definition_graph(pipeline: PipelineView) -> StageGraph:
    """Return the graph of a pipeline that has not run: every stage is pending."""
    layout = lay_out_graph({stage.name: stage.needs for stage in pipeline.definition.stages})
    kinds = {stage.name: stage.kind.value for stage in pipeline.definition.stages}
    pending = get_status_label(Status.PENDING)
    nodes = [Node(box, _shorten_name(box), box.stage, kinds[box.stage], pending, "") for box in layout.boxes]
    return StageGraph(layout, nodes, [Edge(path, False) for path in layout.edges], ())


def _build_node(box: Box, stage: StageRunView, medians: Mapping[str, float], now: datetime, href: str) -> Node:
    seconds = get_stage_seconds(stage, now)
    newest = stage.newest
    if newest.status in (Status.FAILED, Status.LOST):
        attempt = f"attempt {newest.number} of {stage.retries + 1} · " if stage.retries else ""
        subtitle = f"{attempt}{newest.reason or newest.status}"
    elif seconds is None:
        subtitle = f"usually {format_duration(medians[stage.name])}" if stage.name in medians else stage.kind
    else:
        subtitle = f"{stage.kind} · {format_duration(seconds)}"
    return Node(box, _shorten_name(box), stage.name, subtitle, get_status_label(stage.status), href)


def _build_counts(box: Box, layout: GraphLayout, stages: Mapping[str, StageRunView]) -> list[RecordCount]:
    """Return the count of a stage's output, and of its input if it differs."""
    output, received = stages[box.stage].newest.records_processed, _count_input(box.stage, stages)
    middle, counts = box.y + box.height / 2, []
    if output is not None:
        is_last = all(path.source != box.stage for path in layout.edges)
        title = f"{box.stage} passed on {output:,} records"
        counts.append(RecordCount(box.x + box.width + 6, middle + (4 if is_last else -5), f"{output:,}", title))
    if received is not None and output is not None and received != output:
        title = f"{box.stage} received {received:,} records"
        counts.append(RecordCount(box.x + 2, box.y + box.height + COUNT_OFFSET, f"{received:,} in", title, is_input=True))
    return counts


def _count_input(name: str, stages: Mapping[str, StageRunView]) -> int | None:
    """Return the sum of the needed stages' records; None if there is none, or one of them reported no number."""
    counts = [stages[need].newest.records_processed for need in dict.fromkeys(stages[name].needs)]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _has_begun(stage: StageRunView) -> bool:
    is_idle = stage.status in (Status.PENDING, Status.SKIPPED, Status.CANCELLED)
    return not is_idle or any(attempt.started_at for attempt in stage.attempts)


def _shorten_name(box: Box) -> str:
    max_length = int((box.width - LABEL_LEFT - LABEL_RIGHT) / CHARACTER_WIDTH)
    return box.stage if len(box.stage) <= max_length else box.stage[: max_length - 1] + "…"
