"""The groups of a large pipeline's stages: names, counts of statuses and the worst status."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from domain.pipelines.graph_folding import FoldedGraph, fold_graph
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import StatusLabel, get_status_label, pluralize

MIN_GROUP_LABEL = 20
"""Characters for which a group's box has room, so that its counts fit."""
MIN_PREFIX = 2
MARK_WIDTH, DIGIT_WIDTH, COUNT_GAP = 15.0, 7.0, 9.0
"""Pixels of a status mark, of a digit, and between two counts."""
WORST_FIRST = (
    Status.FAILED,
    Status.LOST,
    Status.WAITING,
    Status.RUNNING,
    Status.QUEUED,
    Status.CANCELLED,
    Status.PENDING,
    Status.SKIPPED,
    Status.COMPLETED,
)
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class StatusCount:
    """The number of stages with a status, below a group's name. Without a status it stands for the counts that do not fit."""

    status: StatusLabel | None
    text: str
    x: float

    @property
    def text_x(self) -> float:
        """The x of the text, beside the mark."""
        return self.x + (MARK_WIDTH if self.status else 0.0)


def fold_stages(needs: Mapping[str, Sequence[str]]) -> FoldedGraph:
    """Return the groups in which a large graph is drawn; each stage is a group of its own in a small one. Graphs are cached."""
    return _fold(tuple((stage, tuple(before)) for stage, before in needs.items()))


@lru_cache(maxsize=64)
def _fold(graph: tuple[tuple[str, tuple[str, ...]], ...]) -> FoldedGraph:
    return fold_graph(dict(graph))


def get_group_label(names: Sequence[str]) -> str:
    """Return "shard-000…199" for the stages shard-000 to shard-199, and "load … publish" for names that have little in common."""
    if len(names) == 1:
        return names[0]
    first, last = min(names, key=_get_sort_key), max(names, key=_get_sort_key)
    prefix = _get_common_prefix(names)
    return f"{first}…{last[len(prefix) :]}" if len(prefix) >= MIN_PREFIX else f"{names[0]} … {names[-1]}"


def _get_common_prefix(names: Sequence[str]) -> str:
    """Return what all names begin with, up to a separator or to the numbers that differ."""
    low, high = min(names), max(names)
    length = next((index for index, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))
    prefix = low[:length].rstrip("0123456789")
    if all(name[len(prefix) : len(prefix) + 1].isdecimal() for name in names):
        return prefix
    return prefix[: max(map(prefix.rfind, "-_.")) + 1]


def shorten_label(label: str, max_length: int) -> str:
    """Return a label cut to a length. The end of a group's range is kept."""
    if len(label) <= max_length:
        return label
    start, mark, end = label.rpartition("…")
    if not mark or len(end) > max_length // 2:
        return label[: max_length - 1] + "…"
    return start[: max_length - 1 - len(end)].rstrip() + "…" + end


def find_worst_status(statuses: Sequence[Status]) -> Status:
    """Return the status that needs attention most."""
    return min(statuses, key=WORST_FIRST.index)


def build_status_counts(statuses: Sequence[Status], left: float, right: float) -> list[StatusCount]:
    """Return the numbers of stages with each status between two x, worst first; an ellipsis for those without room."""
    counts: list[StatusCount] = []
    x = left
    for status, count in _count(statuses):
        text = f"{count:,}"
        width = MARK_WIDTH + DIGIT_WIDTH * len(text)
        if x + width > right - (DIGIT_WIDTH + COUNT_GAP if counts else 0.0):
            return [*counts, StatusCount(None, "…", x)]
        counts.append(StatusCount(get_status_label(status), text, x))
        x += width + COUNT_GAP
    return counts


def describe_statuses(statuses: Sequence[Status]) -> str:
    """Return "200 stages: 1 failed, 198 completed"."""
    return f"{pluralize(len(statuses), 'stage')}: " + ", ".join(f"{count:,} {status.value}" for status, count in _count(statuses))


def describe_folding(graph: FoldedGraph) -> str:
    """Return what the graph leaves out; empty if it shows every stage and every need."""
    sentences = []
    if graph.is_folded:
        stages = sum(map(len, graph.groups.values()))
        sentences.append(f"{stages:,} stages in {pluralize(len(graph.groups), 'box', 'boxes')}. Open a group to list its stages.")
    if graph.omits_implied_needs:
        sentences.append("Indirect needs are not drawn.")
    return " ".join(sentences)


def _count(statuses: Sequence[Status]) -> list[tuple[Status, int]]:
    counts = Counter(statuses)
    return [(status, counts[status]) for status in WORST_FIRST if counts[status]]


def _get_sort_key(name: str) -> list[tuple[bool, int, str]]:
    """Sort numbers within names by their value."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in _NUMBER.split(name)]
