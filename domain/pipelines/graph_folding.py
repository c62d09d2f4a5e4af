"""Fold a large graph of stages into few groups: alike stages, pieces of sequences, or whole levels."""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain.pipelines.graph import compute_levels, remove_implied_needs

MAX_NODES = 60
"""A graph of more stages is folded."""
MAX_LENGTH = 1_000
"""Columns that all edges of a graph may cross together. A graph with longer edges loses implied edges, then is folded."""
MIN_PIECE = 10
"""Stages of a piece of a sequence."""
MAX_PIECES = 30
Graph = Mapping[str, Collection[str]]
Groups = Mapping[str, Sequence[str]]
_DIGITS = re.compile(r"\d+")
_SEPARATOR = re.compile(r"[\d._-]")


@dataclass(frozen=True, slots=True)
class FoldedGraph:
    """A graph of groups. A group has the name of its first stage.

    `groups` are the stages of each group in the order of the given graph; `needs` are the groups that each group needs. If
    `omits_implied_needs`, a path of other needs stands for each need that is missing.
    """

    groups: Groups
    needs: Mapping[str, Sequence[str]]
    omits_implied_needs: bool

    @property
    def is_folded(self) -> bool:
        """True if a group has more than one stage."""
        return any(len(stages) > 1 for stages in self.groups.values())


def fold_graph(needs: Graph) -> FoldedGraph:
    """Return the graph with at most MAX_NODES groups and edges of at most MAX_LENGTH. Raises ValueError if it has a cycle.

    The result depends only on names and needs, so it stays the same while stages change their status.
    """
    if _fits(needs):
        return FoldedGraph({stage: (stage,) for stage in needs}, {stage: tuple(before) for stage, before in needs.items()}, False)
    direct = remove_implied_needs(needs)
    omits = any(len(direct[stage]) < len(set(before)) for stage, before in needs.items())
    joined = (_join(groups, direct, omits) for groups in _find_groupings(direct) if len(groups) <= MAX_NODES)
    return next(graph for graph in joined if _fits(graph.needs))


def _fits(needs: Graph) -> bool:
    if len(needs) > MAX_NODES:
        return False
    level = compute_levels(needs)
    return sum(level[stage] - level[need] for stage, before in needs.items() for need in before) <= MAX_LENGTH


def _find_groupings(needs: Graph) -> Iterator[Groups]:
    """Yield groupings of a graph without implied needs, from fine to coarse. The last one makes it a single sequence.

    A group has stages of one level, a piece of a sequence, or all stages of some levels, so groups never need each other in a cycle.
    """
    level = compute_levels(needs)
    dependents: dict[str, list[str]] = {stage: [] for stage in needs}
    for stage, before in needs.items():
        for need in before:
            dependents[need].append(stage)
    yield {stage: (stage,) for stage in needs}
    yield _group(needs, lambda stage: (_get_pattern(stage), frozenset(needs[stage]), frozenset(dependents[stage])))
    alike = _group(needs, lambda stage: (_get_pattern(stage), level[stage]))
    yield alike
    yield _split_sequences(alike, needs, dependents)
    yield _group(needs, lambda stage: (_get_prefix(stage), level[stage]))
    levels_per_group = -(-(max(level.values()) + 1) // MAX_NODES)
    yield _group(needs, lambda stage: level[stage] // levels_per_group)


def _group(stages: Iterable[str], get_key: Callable[[str], Hashable]) -> Groups:
    """Group the stages that have the same key."""
    groups: dict[Hashable, list[str]] = {}
    for stage in stages:
        groups.setdefault(get_key(stage), []).append(stage)
    return {members[0]: members for members in groups.values()}


def _split_sequences(groups: Groups, needs: Graph, dependents: Graph) -> Groups:
    """Return the groups, with sequences of single stages grouped into pieces of equal length."""
    sequences = _find_sequences({name for name, members in groups.items() if len(members) == 1}, needs, dependents)
    length = max(MIN_PIECE, -(-sum(map(len, sequences)) // MAX_PIECES))
    pieces = {each[start]: each[start : start + length] for each in sequences for start in range(0, len(each), length)}
    inner = {stage for members in pieces.values() for stage in members[1:]}
    return {name: pieces.get(name, members) for name, members in groups.items() if name not in inner}


def _find_sequences(stages: Collection[str], needs: Graph, dependents: Graph) -> list[list[str]]:
    """Return the sequences of at least three of these stages: each needs only the one before, which only it needs."""
    following = {
        need: stage for stage in stages for need in needs[stage] if len(needs[stage]) == len(dependents[need]) == 1 and need in stages
    }
    sequences = []
    for start in following.keys() - set(following.values()):
        sequence = [start]
        while sequence[-1] in following:
            sequence.append(following[sequence[-1]])
        sequences.append(sequence)
    return [sequence for sequence in sequences if len(sequence) > 2]


def _join(groups: Groups, needs: Graph, omits_implied_needs: bool) -> FoldedGraph:
    """Return the graph of these groups, with an edge where stages of two groups have one, unless other edges imply it."""
    names = {stage: name for name, members in groups.items() for stage in members}
    between: dict[str, dict[str, None]] = {name: {} for name in groups}
    for stage, before in needs.items():
        between[names[stage]].update(dict.fromkeys(map(names.__getitem__, before)))
    for name, before_group in between.items():
        before_group.pop(name, None)
    direct = remove_implied_needs(between)
    omits_implied_needs = omits_implied_needs or any(len(direct[name]) < len(before_group) for name, before_group in between.items())
    return FoldedGraph(groups, direct, omits_implied_needs)


def _get_pattern(name: str) -> str:
    return _DIGITS.sub("#", name)


def _get_prefix(name: str) -> str:
    return _SEPARATOR.split(name, maxsplit=1)[0]
