"""Find stages, schedules and alert rules that were renamed."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pipelines.renames import find_renamed_stages, find_renames
from tests.support.builders import a_definition, a_stage

LOAD = a_stage("load", command=["python", "load.py", "--fast"])
NAMES = st.sampled_from("abcdef")


def test_a_stage_with_the_same_content_is_found_anywhere() -> None:
    before = [a_stage("extract", command=["extract.sh"]), LOAD]
    after = [{**LOAD, "name": "import", "needs": []}, a_stage("check", command=["check.sh"]), a_stage("extract", command=["extract.sh"])]

    assert find_renames(before, after) == {"import": "load"}


def test_a_stage_that_does_mostly_the_same_is_found_at_its_position_only() -> None:
    changed = a_stage("import", command=["python", "load.py"], retries=3)

    assert find_renames([a_stage("a"), LOAD], [a_stage("a"), changed]) == {"import": "load"}
    assert find_renames([a_stage("a"), LOAD], [changed, a_stage("a"), a_stage("c", command=["rm"])]) == {}


def test_another_command_is_another_stage() -> None:
    assert find_renames([LOAD], [a_stage("publish", command=["rsync", "out", "www:"])]) == {}


def test_stages_that_are_alike_are_matched_by_their_positions() -> None:
    before, after = ([a_stage(name, command=["run"]) for name in names] for names in ("abc", "xyc"))

    assert find_renames(before, after) == {"x": "a", "y": "b"}


def test_external_stages_are_matched_by_their_positions() -> None:
    before = a_definition(stages=[a_stage("copy", "external"), a_stage("check", "external")])
    after = a_definition(stages=[a_stage("transfer", "external"), a_stage("check", "external", needs=["transfer"])])

    assert find_renamed_stages(before, after) == {"transfer": "copy"}


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_another_order_renames_nothing(names: tuple[str, str]) -> None:
    before, after = ([a_stage(name, command=["run"]) for name in order] for order in (("a", "b"), names))

    assert find_renames(before, after) == {}


@given(st.lists(NAMES, unique=True), st.lists(NAMES, unique=True), st.lists(st.sampled_from([["x"], ["y", "z"]]), min_size=12, max_size=12))
def test_each_removed_name_becomes_at_most_one_new_name(old: list[str], new: list[str], commands: list[list[str]]) -> None:
    before = [a_stage(name, command=commands[index]) for index, name in enumerate(old)]
    after = [a_stage(name, command=commands[index + 6]) for index, name in enumerate(new)]

    renames = find_renames(before, after)

    assert renames.keys() <= set(new) - set(old)
    assert set(renames.values()) <= set(old) - set(new)
    assert len(set(renames.values())) == len(renames)


def test_a_thousand_renamed_stages_are_found_in_little_time() -> None:
    before, after = ([a_stage(f"{prefix}{n}", command=["run", str(n)]) for n in range(1_000)] for prefix in "ab")

    begin = time.process_time()
    renames = find_renames(before, after)

    assert renames == {f"b{n}": f"a{n}" for n in range(1_000)}
    assert time.process_time() - begin < 5
