"""Where the boxes of a stage graph stand: a column per level, lines kept out of boxes by giving each a lane of its own."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from domain.pipelines.graph import compute_levels

SWEEPS = 6
Heights = Mapping[Hashable, float]


@dataclass(frozen=True, slots=True)
class EdgeLane:
    """Where the lines that leave `source` cross a column that is not theirs; all of them share it."""

    source: str
    level: int


Cell = str | EdgeLane


@dataclass(frozen=True, slots=True)
class GraphLayers:
    """`columns` hold stages and lanes from top to bottom, `links` the straight pieces between neighbouring columns."""

    columns: Sequence[Sequence[Cell]]
    links: Sequence[tuple[Cell, Cell]]
    routes: Mapping[tuple[str, str], Sequence[Cell]]
    """Per edge (need, stage): the cells it passes, ends included."""


def assign_layers(needs: Mapping[str, Sequence[str]]) -> GraphLayers:
    """Columns by level, each ordered so that few lines cross (barycentres, a few sweeps in both directions)."""
    level = compute_levels(needs)
    columns: list[list[Cell]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for stage, column in level.items():
        columns[column].append(stage)
    routes: dict[tuple[str, str], list[Cell]] = {}
    lanes: dict[EdgeLane, None] = {}
    for stage, before in needs.items():
        for need in before:
            between = [EdgeLane(need, column) for column in range(level[need] + 1, level[stage])]
            lanes.update(dict.fromkeys(between))
            routes[need, stage] = [need, *between, stage]
    for lane in lanes:
        columns[lane.level].append(lane)
    links = list(dict.fromkeys(link for route in routes.values() for link in pairwise(route)))
    _order(columns, links)
    return GraphLayers(columns, links, routes)


def _order(columns: list[list[Cell]], links: Sequence[tuple[Cell, Cell]]) -> None:
    before, after = _neighbours(links)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        place = {cell: float(index) for column in columns for index, cell in enumerate(column)}
        for column in columns if forward else reversed(columns):
            beside = before if forward else after
            column.sort(key=lambda cell: fmean(place[other] for other in beside[cell]) if cell in beside else place[cell])
            place.update((cell, float(index)) for index, cell in enumerate(column))


def _neighbours(links: Sequence[tuple[Cell, Cell]]) -> tuple[dict[Cell, list[Cell]], dict[Cell, list[Cell]]]:
    before: dict[Cell, list[Cell]] = {}
    after: dict[Cell, list[Cell]] = {}
    for left, right in links:
        before.setdefault(right, []).append(left)
        after.setdefault(left, []).append(right)
    return before, after


def compute_centres(layers: GraphLayers, heights: Heights, gap: float) -> dict[Cell, float]:
    """The y of each cell's middle: close to its neighbours' mean, never nearer than `gap` to the next cell of its column."""
    before, after = _neighbours(layers.links)
    middle: dict[Cell, float] = {}
    for column in layers.columns:
        _stack(column, dict.fromkeys(column, 0.0), heights, gap, middle)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for column in layers.columns if forward else reversed(layers.columns):
            beside = before if forward else after
            wanted = {cell: fmean(middle[other] for other in beside[cell]) if cell in beside else middle[cell] for cell in column}
            _stack(column, wanted, heights, gap, middle)
    top = min((middle[cell] - heights[cell] / 2 for cell in middle), default=0.0)
    return {cell: y - top for cell, y in middle.items()}


def _stack(column: Sequence[Cell], wanted: Mapping[Cell, float], heights: Heights, gap: float, middle: dict[Cell, float]) -> None:
    """Least squares under the spacing, in the given order: isotonic regression by pooling neighbours that are too close."""
    offsets, offset, previous = [], 0.0, 0.0
    for index, cell in enumerate(column):
        offset += (previous + heights[cell]) / 2 + gap if index else 0.0
        previous = heights[cell]
        offsets.append(offset)
    pools: list[tuple[float, int]] = []
    for cell, offset in zip(column, offsets, strict=True):
        pools.append((wanted[cell] - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (right, many), (left, few) = pools.pop(), pools.pop()
            pools.append(((left * few + right * many) / (few + many), few + many))
    shifts = [value for value, count in pools for _ in range(count)]
    middle.update((cell, shift + offset) for cell, shift, offset in zip(column, shifts, offsets, strict=True))
