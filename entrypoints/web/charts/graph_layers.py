"""Layers of a stage graph (the Sugiyama method): a column for each level, and lanes that keep edges out of boxes."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from domain.pipelines.graph import compute_levels

SWEEPS = 6
Heights = Mapping[Hashable, float]


@dataclass(frozen=True, slots=True)
class EdgeLane:
    """A dummy node where the edges from `source` cross a column. All edges from `source` share it."""

    source: str
    level: int


Cell = str | EdgeLane


@dataclass(frozen=True, slots=True)
class GraphLayers:
    """The layers. `columns` hold stages and lanes from top to bottom; `links` join cells of neighbouring columns."""

    columns: Sequence[Sequence[Cell]]
    links: Sequence[tuple[Cell, Cell]]
    routes: Mapping[tuple[str, str], Sequence[Cell]]
    """The cells on the path of each edge (need, stage), with both ends."""


def assign_layers(needs: Mapping[str, Sequence[str]]) -> GraphLayers:
    """Assign stages to columns by level, and order each column to reduce crossings (barycentre heuristic, SWEEPS passes)."""
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
    _order_columns(columns, links)
    return GraphLayers(columns, links, routes)


def _order_columns(columns: list[list[Cell]], links: Sequence[tuple[Cell, Cell]]) -> None:
    before, after = _get_neighbours(links)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        position = {cell: float(index) for column in columns for index, cell in enumerate(column)}
        for column in columns if forward else reversed(columns):
            adjacent = before if forward else after
            column.sort(key=lambda cell: fmean(position[other] for other in adjacent[cell]) if cell in adjacent else position[cell])
            position.update((cell, float(index)) for index, cell in enumerate(column))


def _get_neighbours(links: Sequence[tuple[Cell, Cell]]) -> tuple[dict[Cell, list[Cell]], dict[Cell, list[Cell]]]:
    before: dict[Cell, list[Cell]] = {}
    after: dict[Cell, list[Cell]] = {}
    for left, right in links:
        before.setdefault(right, []).append(left)
        after.setdefault(left, []).append(right)
    return before, after


def compute_centres(layers: GraphLayers, heights: Heights, gap: float) -> dict[Cell, float]:
    """Return the y of each cell's centre, close to the mean of its neighbours and at least `gap` away from the next cell."""
    before, after = _get_neighbours(layers.links)
    middle: dict[Cell, float] = {}
    for column in layers.columns:
        _place_column(column, dict.fromkeys(column, 0.0), heights, gap, middle)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        for column in layers.columns if forward else reversed(layers.columns):
            adjacent = before if forward else after
            desired = {cell: fmean(middle[other] for other in adjacent[cell]) if cell in adjacent else middle[cell] for cell in column}
            _place_column(column, desired, heights, gap, middle)
    top = min((middle[cell] - heights[cell] / 2 for cell in middle), default=0.0)
    return {cell: y - top for cell, y in middle.items()}


def _place_column(column: Sequence[Cell], desired: Mapping[Cell, float], heights: Heights, gap: float, middle: dict[Cell, float]) -> None:
    """Place a column's cells in order, as near to their `desired` y as their spacing allows (isotonic regression by pooling)."""
    offsets, offset, previous = [], 0.0, 0.0
    for index, cell in enumerate(column):
        offset += (previous + heights[cell]) / 2 + gap if index else 0.0
        previous = heights[cell]
        offsets.append(offset)
    pools: list[tuple[float, int]] = []
    for cell, offset in zip(column, offsets, strict=True):
        pools.append((desired[cell] - offset, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (right, many), (left, few) = pools.pop(), pools.pop()
            pools.append(((left * few + right * many) / (few + many), few + many))
    shifts = [value for value, count in pools for _ in range(count)]
    middle.update((cell, shift + offset) for cell, shift, offset in zip(column, shifts, offsets, strict=True))
