"""Coordinates of the stage graph's boxes and edges.

Edges bend only between columns, and cross a column in a lane of their own, so no edge touches a box.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from entrypoints.web.charts.graph_layers import Cell, EdgeLane, assign_layers, compute_centres

BOX_HEIGHT = 48.0
LANE_HEIGHT = 8.0
GAP = 20.0
COLUMN_GAP = 84.0
MARGIN = 2.0
MIN_WIDTH, MAX_WIDTH = 152.0, 232.0
CHARACTER_WIDTH = 7.4
"""Approximate pixels of a character of a stage's name."""


@dataclass(frozen=True, slots=True)
class Box:
    """A stage's box, in pixels."""

    stage: str
    x: float
    y: float
    width: float
    height: float = BOX_HEIGHT


@dataclass(frozen=True, slots=True)
class EdgePath:
    """An edge from a needed stage (`source`) to the stage that needs it (`target`), through the points of `bends`."""

    source: str
    target: str
    bends: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """The `d` attribute of the SVG path."""
        x, y = self.bends[0]
        commands = [f"M{x:g} {y:g}"]
        for index, (to_x, to_y) in enumerate(self.bends[1:]):
            middle = (x + to_x) / 2
            is_straight = index % 2 or y == to_y
            commands.append(f"H{to_x:g}" if is_straight else f"C{middle:g} {y:g} {middle:g} {to_y:g} {to_x:g} {to_y:g}")
            x, y = to_x, to_y
        return "".join(commands)


@dataclass(frozen=True, slots=True)
class GraphLayout:
    """The graph, in pixels."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    edges: tuple[EdgePath, ...]


def lay_out_graph(needs: Mapping[str, Sequence[str]], label_lengths: Mapping[str, int] | None = None) -> GraphLayout:
    """Lay out a graph. `needs` has the needed stages of each stage.

    Boxes have room for labels of `label_lengths` characters, by default for the stages' names. Layouts are cached.
    """
    graph = tuple((stage, tuple(dict.fromkeys(before))) for stage, before in needs.items())
    return _lay_out(graph, tuple((label_lengths or {}).get(stage, len(stage)) for stage in needs))


@lru_cache(maxsize=256)
def _lay_out(graph: tuple[tuple[str, tuple[str, ...]], ...], label_lengths: tuple[int, ...]) -> GraphLayout:
    layers = assign_layers(dict(graph))
    lengths: dict[Cell, int] = {stage: length for (stage, _), length in zip(graph, label_lengths, strict=True)}
    heights: dict[Hashable, float] = {
        cell: LANE_HEIGHT if isinstance(cell, EdgeLane) else BOX_HEIGHT for row in layers.columns for cell in row
    }
    middle = {cell: round(y, 1) + MARGIN for cell, y in compute_centres(layers, heights, GAP).items()}
    widths = [_get_column_width(max((lengths.get(cell, 0) for cell in column), default=0)) for column in layers.columns]
    left, x = [], MARGIN
    for width in widths:
        left.append(x)
        x += width + COLUMN_GAP
    sides = {cell: (left[index], left[index] + widths[index]) for index, column in enumerate(layers.columns) for cell in column}
    boxes = tuple(
        Box(stage, sides[stage][0], round(middle[stage] - BOX_HEIGHT / 2, 1), sides[stage][1] - sides[stage][0]) for stage, _ in graph
    )
    edges = tuple(EdgePath(*ends, _find_bends(route, middle, sides)) for ends, route in layers.routes.items())
    height = max((middle[cell] + heights[cell] / 2 for cell in middle), default=0.0) + MARGIN
    return GraphLayout(max(0.0, x - COLUMN_GAP) + MARGIN, height, boxes, edges)


def _find_bends(
    route: Sequence[Cell], middle: Mapping[Cell, float], sides: Mapping[Cell, tuple[float, float]]
) -> tuple[tuple[float, float], ...]:
    points = [(sides[route[0]][1], middle[route[0]])]
    for lane in route[1:-1]:
        points += [(sides[lane][0], middle[lane]), (sides[lane][1], middle[lane])]
    return (*points, (sides[route[-1]][0], middle[route[-1]]))


def _get_column_width(longest: int) -> float:
    return float(round(min(MAX_WIDTH, max(MIN_WIDTH, 48 + CHARACTER_WIDTH * longest))))
