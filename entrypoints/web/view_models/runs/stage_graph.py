"""The stage graph of a run or a definition, with labels, statuses and record counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.attempts import describe_attempt
from application.queries.explain.durations import format_duration
from application.queries.explain.flow_runs import describe_briefly
from application.queries.runs.stage_time import get_stage_seconds
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView, StageRunView
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.graph_folding import FoldedGraph
from domain.runs.status import Status
from entrypoints.web.charts.stage_graph import CHARACTER_WIDTH, Box, EdgePath, GraphLayout, lay_out_graph
from entrypoints.web.view_models.formatting import StatusLabel, get_status_label
from entrypoints.web.view_models.runs.stage_groups import (
    MIN_GROUP_LABEL,
    StatusCount,
    build_status_counts,
    describe_folding,
    describe_statuses,
    find_worst_status,
    fold_stages,
    get_group_label,
    shorten_label,
)
from entrypoints.web.view_models.runs.stage_links import build_group_link, build_log_link

COUNT_OFFSET = 13.0
"""Pixels from a box down to the baseline of the count below it. The next box is 20 pixels away."""
DIGIT_WIDTH = 7.0
"""Approximate pixels of a digit of a count."""
LABEL_LEFT = 36.0
LABEL_RIGHT = 8.0


@dataclass(frozen=True, slots=True)
class Node:
    """The box of a stage or of a group of stages.

    `label` is its name, cut to the width of the box; `title` is the whole name with the status. `subtitle` is a stage's kind, duration or
    error; a group has the number of its stages with each status in `counts` instead.
    """

    box: Box
    label: str
    full_name: str
    title: str
    subtitle: str
    status: StatusLabel
    href: str
    counts: Sequence[StatusCount] = ()


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
    """The graph. `note` says what it leaves out."""

    layout: GraphLayout
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    counts: Sequence[RecordCount]
    note: str = ""

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
    stages = {stage.name: stage for stage in run.stages}
    graph = fold_stages({stage.name: stage.needs for stage in run.stages})
    layout = _lay_out(graph)
    nodes = []
    for box in layout.boxes:
        members = [stages[name] for name in graph.groups[box.stage]]
        if len(members) == 1:
            nodes.append(_build_node(box, members[0], medians, now, build_log_link(run.id, box.stage, "graph")))
        else:
            nodes.append(_build_group_node(box, [stage.status for stage in members], graph, build_group_link(run.id, box.stage)))
    completed = {name for name, each in graph.groups.items() if any(stages[stage].status is Status.COMPLETED for stage in each)}
    begun = {name for name, each in graph.groups.items() if any(_has_begun(stages[stage]) for stage in each)}
    edges = [Edge(path, path.source in completed and path.target in begun) for path in layout.edges]
    sources = {path.source for path in layout.edges}
    counts = [count for box in layout.boxes for count in _build_counts(box, graph.groups[box.stage], box.stage not in sources, stages)]
    return StageGraph(layout, nodes, edges, counts, describe_folding(graph))


def build_definition_graph(pipeline: PipelineView) -> StageGraph:
    """Return the graph of a pipeline that has not run: every stage is pending."""
    return build_pending_graph(pipeline.definition, f"/ui/pipelines/{pipeline.id}/revisions/{pipeline.revision}")


def build_pending_graph(definition: PipelineDefinition, group_href: str) -> StageGraph:
    """Return the graph of a definition. `group_href` is the path to which groups of stages link; they link nowhere if it is empty."""
    graph = fold_stages({stage.name: stage.needs for stage in definition.stages})
    layout = _lay_out(graph)
    kinds = {stage.name: stage.kind.value for stage in definition.stages}
    pending = get_status_label(Status.PENDING)
    nodes = []
    for box in layout.boxes:
        if len(members := graph.groups[box.stage]) == 1:
            label = shorten_label(box.stage, _get_max_length(box, box.stage))
            nodes.append(Node(box, label, box.stage, f"{box.stage}: {pending.word}", kinds[box.stage], pending, ""))
        else:
            nodes.append(_build_group_node(box, [Status.PENDING] * len(members), graph, group_href))
    return StageGraph(layout, nodes, [Edge(path, False) for path in layout.edges], (), describe_folding(graph))


def _lay_out(graph: FoldedGraph) -> GraphLayout:
    lengths = {name: max(MIN_GROUP_LABEL, len(get_group_label(each))) for name, each in graph.groups.items() if len(each) > 1}
    return lay_out_graph(graph.needs, lengths)


def _build_group_node(box: Box, statuses: Sequence[Status], graph: FoldedGraph, href: str) -> Node:
    name = get_group_label(graph.groups[box.stage])
    worst = get_status_label(find_worst_status(statuses))
    counts = build_status_counts(statuses, box.x + LABEL_LEFT - 2, box.x + box.width - LABEL_RIGHT)
    title = f"{name}, {describe_statuses(statuses)}"
    return Node(box, shorten_label(name, _get_max_length(box, name)), name, title, "", worst, href, counts)


def _build_node(box: Box, stage: StageRunView, medians: Mapping[str, float], now: datetime, href: str) -> Node:
    seconds = get_stage_seconds(stage, now)
    newest = stage.newest
    if newest.status in (Status.FAILED, Status.LOST):
        attempt = f"{describe_attempt(stage, newest)} · " if stage.retries or newest.number > 1 else ""
        subtitle = f"{attempt}{newest.reason or newest.status}"
    elif in_prefect := describe_briefly(stage):
        subtitle = f"{stage.kind} · {in_prefect}"
    elif seconds is None:
        subtitle = f"usually {format_duration(medians[stage.name])}" if stage.name in medians else stage.kind
    else:
        subtitle = f"{stage.kind} · {format_duration(seconds)}"
    status = get_status_label(stage.status)
    return Node(
        box, shorten_label(stage.name, _get_max_length(box, stage.name)), stage.name, f"{stage.name}: {status.word}", subtitle, status, href
    )


def _build_counts(box: Box, members: Sequence[str], is_last: bool, stages: Mapping[str, StageRunView]) -> list[RecordCount]:
    """Return the count of a box's output, and of a stage's input if it differs. A group's output is the sum of the known ones."""
    known = [count for count in (stages[name].newest.records_processed for name in members) if count is not None]
    if not known:
        return []
    name = box.stage if len(members) == 1 else get_group_label(members)
    output, middle = sum(known), box.y + box.height / 2
    title = f"{name} sent {output:,} records"
    counts = [RecordCount(box.x + box.width + 6, middle + (4 if is_last else -5), f"{output:,}", title)]
    received = _count_input(box.stage, stages) if len(members) == 1 else None
    if received is not None and received != output:
        title = f"{name} received {received:,} records"
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


def _get_max_length(box: Box, name: str) -> int:
    """Return how many characters of the name fit into the box. Capital letters and m are wider than the others."""
    share = sum(character in "MWmw@" or character.isupper() for character in name) / max(1, len(name))
    return int((box.width - LABEL_LEFT - LABEL_RIGHT) / (CHARACTER_WIDTH * (1 + 0.8 * max(0, share - 0.25))))
