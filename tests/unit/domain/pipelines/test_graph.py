import graphlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipelines.graph import compute_levels, find_cycle

NAMES = "abcdefg"
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=4), max_size=7)


@settings(deadline=None, max_examples=300)
@given(GRAPHS)
def test_a_cycle_is_found_exactly_when_there_is_one(graph: dict[str, list[str]]) -> None:
    known = {node: [need for need in needs if need in graph] for node, needs in graph.items()}
    try:
        graphlib.TopologicalSorter(known).prepare()
        is_cyclic = False
    except graphlib.CycleError:
        is_cyclic = True

    circle = find_cycle(graph)

    assert bool(circle) == is_cyclic
    if circle:
        assert circle[0] == circle[-1]
        assert all(need in graph[node] for node, need in pairwise(circle))
        assert len(set(circle)) == len(circle) - 1


def test_a_stage_that_needs_itself_is_a_cycle() -> None:
    assert find_cycle({"a": ["a"]}) == ["a", "a"]


def test_a_long_chain_is_not_a_cycle_and_needs_no_deep_recursion() -> None:
    chain = {str(n): [str(n + 1)] for n in range(3_000)} | {"3000": []}

    assert find_cycle(chain) == []


@settings(deadline=None, max_examples=200)
@given(GRAPHS)
def test_a_level_is_one_more_than_the_highest_before_it(graph: dict[str, list[str]]) -> None:
    ordered = {node: [need for need in needs if need in graph and need < node] for node, needs in graph.items()}

    level = compute_levels(ordered)

    assert level.keys() == ordered.keys()
    for node, needs in ordered.items():
        assert level[node] == max((level[need] + 1 for need in needs), default=0)


def test_a_graph_with_a_cycle_has_no_levels() -> None:
    with pytest.raises(ValueError):
        compute_levels({"a": ["b"], "b": ["a"]})
