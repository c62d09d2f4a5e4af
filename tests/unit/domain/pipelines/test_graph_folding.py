"""Large graphs are folded into few groups, and no path between stages is lost."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipelines.graph import compute_levels, remove_implied_needs
from domain.pipelines.graph_folding import MAX_LENGTH, MAX_NODES, FoldedGraph, fold_graph
from domain.pipelines.parsing import MAX_STAGES

Needs = dict[str, list[str]]


@st.composite
def graphs(draw: st.DrawFn) -> Needs:
    """Graphs of up to MAX_STAGES stages: sparse or dense, with alike or different names, in any order."""
    count = draw(st.integers(1, MAX_STAGES))
    most = draw(st.sampled_from([0, 1, 2, 5, 20]))
    stem = draw(st.sampled_from(["shard-{}", "{}-part", "s{}", "stage{}_of_{}", "same"]))
    chance = random.Random(draw(st.integers(0, 2**32)))
    names = [
        (stem.format(index, index % 7) if stem != "same" else "".join(chance.choices("abcdefgh", k=8)) + str(index))
        for index in range(count)
    ]
    window = draw(st.sampled_from([1, 3, 40, MAX_STAGES]))
    needs = {
        name: list(dict.fromkeys(chance.choices(names[max(0, index - window) : index], k=chance.randint(0, most)))) if index else []
        for index, name in enumerate(names)
    }
    order = chance.sample(names, count) if draw(st.booleans()) else names
    return {name: needs[name] for name in order}


def sequence(count: int) -> Needs:
    return {f"step-{index}": [f"step-{index - 1}"] if index else [] for index in range(count)}


def dense(count: int) -> Needs:
    return {f"x{index}": [f"x{before}" for before in range(index)] for index in range(count)}


def shards(count: int) -> Needs:
    names = [f"shard-{index:03}" for index in range(count)]
    return {"plan": [], **{name: ["plan"] for name in names}, "merge": names, "publish": ["merge"]}


def pairs(count: int) -> Needs:
    return {f"extract-{n}": [] for n in range(count)} | {f"load-{n}": [f"extract-{n}"] for n in range(count)}


def layers(width: int, count: int) -> Needs:
    """Every stage of a layer needs all stages of the layer before."""
    return {
        f"{chr(97 + position)}-in-{layer}": [f"{chr(97 + each)}-in-{layer - 1}" for each in range(width)] if layer else []
        for layer in range(count)
        for position in range(width)
    }


def ladder(count: int) -> Needs:
    """A sequence whose stages are all needed by stages of a second one, which the last of them joins."""
    first = sequence(count)
    return first | {f"other-{index}": [f"step-{index}", *([f"other-{index - 1}"] if index else [])] for index in range(count)}


def bipartite(count: int) -> Needs:
    names = [chr(97 + index % 26) * (1 + index // 26) for index in range(count)]
    return {name: [] for name in names} | {f"{name}.end": names for name in names}


SHAPES = {
    "sequence of 61": sequence(61),
    "sequence of 500": sequence(500),
    "dense 40": dense(40),
    "dense 60": dense(60),
    "dense 61": dense(61),
    "dense 200": dense(200),
    "dense 500": dense(500),
    "shards": shards(200),
    "pairs": pairs(100),
    "layers": layers(10, 50),
    "wide layers": layers(25, 20),
    "ladder": ladder(250),
    "bipartite": bipartite(250),
    "small bipartite": bipartite(30),
    "separate": {f"job-{index}": [] for index in range(500)},
}


def assert_is_a_fair_picture(needs: Needs, folded: FoldedGraph) -> None:
    group = {stage: name for name, stages in folded.groups.items() for stage in stages}
    assert sorted(stage for stages in folded.groups.values() for stage in stages) == sorted(needs)
    assert len(folded.groups) <= MAX_NODES and folded.groups.keys() == folded.needs.keys()
    level = compute_levels(folded.needs)  # it has no cycle
    assert sum(level[name] - level[need] for name, before in folded.needs.items() for need in before) <= MAX_LENGTH
    ancestors = get_ancestors(folded.needs)
    for stage, before in needs.items():
        assert all(group[need] == group[stage] or group[need] in ancestors[group[stage]] for need in before)
    edges = {(group[stage], group[need]) for stage, before in needs.items() for need in before}
    assert all((name, need) in edges for name, before in folded.needs.items() for need in before)


def get_ancestors(needs: object) -> dict[str, set[str]]:
    assert isinstance(needs, dict)
    found: dict[str, set[str]] = {}
    for name in sorted(needs, key=compute_levels(needs).__getitem__):
        found[name] = set(needs[name]).union(*(found[need] for need in needs[name]))
    return found


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_every_stage_is_in_one_group_and_every_path_is_kept(needs: Needs) -> None:
    assert_is_a_fair_picture(needs, fold_graph(needs))


@pytest.mark.parametrize("shape", SHAPES)
def test_known_shapes_are_folded_into_a_bounded_graph(shape: str) -> None:
    assert_is_a_fair_picture(SHAPES[shape], fold_graph(SHAPES[shape]))


@given(graphs())
@settings(max_examples=20, deadline=None)
def test_removed_needs_follow_from_the_others(needs: Needs) -> None:
    direct = remove_implied_needs(needs)

    assert list(direct) == list(needs)
    assert get_ancestors(direct) == get_ancestors(needs)
    assert all(set(before) <= set(needs[stage]) for stage, before in direct.items())


def test_a_graph_of_sixty_stages_is_drawn_as_it_is() -> None:
    graph = shards(MAX_NODES - 3)

    folded = fold_graph(graph)

    assert not folded.is_folded and not folded.omits_implied_needs
    assert {stage: list(before) for stage, before in folded.needs.items()} == graph


def test_a_dense_graph_of_sixty_stages_keeps_its_stages_and_loses_the_implied_lines() -> None:
    folded = fold_graph(dense(MAX_NODES))

    assert not folded.is_folded and folded.omits_implied_needs
    assert sum(map(len, folded.needs.values())) == MAX_NODES - 1


def test_shards_with_the_same_needs_become_one_group() -> None:
    folded = fold_graph(shards(200))

    assert {name: len(stages) for name, stages in folded.groups.items()} == {"plan": 1, "shard-000": 200, "merge": 1, "publish": 1}
    assert folded.needs == {"plan": (), "shard-000": ("plan",), "merge": ("shard-000",), "publish": ("merge",)}
    assert folded.is_folded and not folded.omits_implied_needs


def test_alike_stages_of_a_level_become_one_group_although_their_needs_differ() -> None:
    folded = fold_graph(pairs(100))

    assert {name: len(stages) for name, stages in folded.groups.items()} == {"extract-0": 100, "load-0": 100}
    assert folded.needs == {"extract-0": (), "load-0": ("extract-0",)}


def test_a_sequence_is_folded_into_pieces_in_order() -> None:
    folded = fold_graph(sequence(200))

    assert [len(stages) for stages in folded.groups.values()] == [10] * 20
    assert list(folded.groups)[:3] == ["step-0", "step-10", "step-20"]
    assert folded.needs["step-20"] == ("step-10",)


def test_folding_depends_on_names_and_needs_only() -> None:
    assert fold_graph(ladder(100)) == fold_graph(ladder(100))
