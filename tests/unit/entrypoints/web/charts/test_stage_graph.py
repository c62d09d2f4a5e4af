"""The layout of the stage graph: edges never touch boxes, and counts never overlap."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Status
from entrypoints.web.charts.stage_graph import Box, EdgePath, lay_out_graph
from entrypoints.web.view_models.runs.stage_graph import build_run_graph
from tests.support.builders import NOW

Needs = dict[str, list[str]]
CURVE_STEPS = 12


@st.composite
def graphs(draw: st.DrawFn) -> Needs:
    count = draw(st.integers(1, 14))
    names = [f"stage-{index}" for index in range(count)]
    return {
        name: draw(st.lists(st.sampled_from(names[:index]), unique=True, max_size=4)) if index else [] for index, name in enumerate(names)
    }


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_no_edge_touches_a_box_that_is_not_its_end(needs: Needs) -> None:
    layout = lay_out_graph(needs)

    touched = [(line.source, line.target, box.stage) for line in layout.edges for box in layout.boxes if _touches(line, box)]

    assert not touched


@given(graphs())
@settings(max_examples=100, deadline=None)
def test_boxes_do_not_overlap_and_fit_the_picture(needs: Needs) -> None:
    layout = lay_out_graph(needs)

    for index, box in enumerate(layout.boxes):
        assert box.x >= 0 and box.x + box.width <= layout.width + 0.1
        assert box.y >= 0 and box.y + box.height <= layout.height + 0.1
        for other in layout.boxes[:index]:
            apart = (
                box.x + box.width < other.x
                or other.x + other.width < box.x
                or box.y + box.height < other.y
                or other.y + other.height < box.y
            )
            assert apart, (box, other)


@given(graphs())
@settings(max_examples=50, deadline=None)
def test_every_need_is_one_edge_between_boxes(needs: Needs) -> None:
    layout = lay_out_graph(needs)
    boxes = {box.stage: box for box in layout.boxes}

    assert sorted((line.source, line.target) for line in layout.edges) == sorted(
        (need, name) for name, before in needs.items() for need in before
    )
    for line in layout.edges:
        source, target = boxes[line.source], boxes[line.target]
        assert line.bends[0] == (source.x + source.width, source.y + source.height / 2)
        assert line.bends[-1] == (target.x, target.y + target.height / 2)


def test_the_checker_notices_a_box_on_an_edge() -> None:
    line = EdgePath("a", "c", ((10.0, 20.0), (200.0, 20.0)))

    assert _touches(line, Box("b", 50.0, 0.0, 40.0))


def _touches(line: EdgePath, box: Box) -> bool:
    return any(box.x < x < box.x + box.width and box.y < y < box.y + box.height for x, y in _points(line))


def _points(line: EdgePath) -> list[tuple[float, float]]:
    """Return points along the path. Every second piece is straight; the others are curves with horizontal ends."""
    points = []
    for index, ((x0, y0), (x3, y3)) in enumerate(zip(line.bends, line.bends[1:], strict=False)):
        middle = x0 + (x3 - x0) / 2
        for step in range(CURVE_STEPS + 1):
            t = step / CURVE_STEPS
            if index % 2:
                points.append((x0 + (x3 - x0) * t, y0 + (y3 - y0) * t))
            else:
                a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3
                points.append((a * x0 + b * middle + c * middle + d * x3, a * y0 + b * y0 + c * y3 + d * y3))
    return points


def test_input_counts_are_shown_where_they_differ_from_output_counts() -> None:
    counts = {"a": 10, "b": 20, "c": 25, "d": 25, "e": None}
    needs = {"a": [], "b": [], "c": ["a", "b"], "d": ["c"], "e": ["d"]}
    stages = [StageRunView(name, "command", needs[name], [an_attempt(counts[name])]) for name in needs]

    graph = build_run_graph(a_run_view(stages), {}, NOW)

    counts = [(count.text, count.title) for count in graph.counts]
    assert counts == [
        ("10", "a sent 10 records"),
        ("20", "b sent 20 records"),
        ("25", "c sent 25 records"),
        ("30 in", "c received 30 records"),
        ("25", "d sent 25 records"),
    ]
    assert [count.is_input for count in graph.counts] == [False, False, False, True, False]


def test_the_picture_has_room_for_the_last_stages_count() -> None:
    stages = [StageRunView("a", "command", [], [an_attempt(1_234_567)])]

    graph = build_run_graph(a_run_view(stages), {}, NOW)

    assert graph.width > graph.layout.width
    assert graph.counts[0].x + 7 * len("1,234,567") <= graph.width


@given(graphs(), st.data())
@settings(max_examples=60, deadline=None)
def test_counts_overlap_neither_each_other_nor_boxes(needs: Needs, data: st.DataObject) -> None:
    records = {name: data.draw(st.one_of(st.none(), st.integers(0, 9_999_999))) for name in needs}
    graph = build_run_graph(
        a_run_view([StageRunView(name, "command", needs[name], [an_attempt(records[name])]) for name in needs]), {}, NOW
    )
    areas = [(count.x, count.y - 9, count.x + 6.5 * len(count.text), count.y + 2) for count in graph.counts]
    boxes = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in graph.layout.boxes]

    over = [(one, other) for index, one in enumerate(areas) for other in [*areas[:index], *boxes] if _overlap(one, other)]

    assert not over
    assert all(right <= graph.width and bottom <= graph.height for _, _, right, bottom in areas)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def an_attempt(records: int | None) -> AttemptView:
    return AttemptView(1, Status.COMPLETED, None, NOW, NOW, None, None, NOW, NOW, records, None, None, None, "w")


def a_run_view(stages: list[StageRunView]) -> RunView:
    times = {"created_at": NOW, "started_at": NOW, "finished_at": NOW, "dispatch_requested_at": None, "stop_requested_at": None}
    dispatch = {"dispatch_state": "none", "dispatch_epoch": 1, "dispatch_holder": None}
    named = {"pipeline_id": 1, "pipeline": "p", "revision": 1, "trigger": "api", "actor": None, "parameters": {}, "pool": "headgate"}
    counted = {"records_processed": None, "last_seq": 1}
    every: dict[str, Any] = {**times, **dispatch, **named, **counted}
    return RunView(id=1, number=1, status=Status.COMPLETED, verdict=None, stages=stages, **every)
