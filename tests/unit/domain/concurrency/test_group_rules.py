"""How the groups of a definition must fit those of other pipelines: each refusal with its sentence."""

from typing import Any

import pytest

from domain.concurrency.group import Group, GroupUse, GroupUser, get_group_uses
from domain.concurrency.group_rules import find_group_problems
from domain.pipelines.definition import PipelineDefinition
from tests.support.builders import a_definition, a_stage

OTHER, THIS = 1, 2


def a_pipeline(*groups: Any, uses: tuple[str, ...] = (), name: str = "stock") -> PipelineDefinition:
    """Return a definition with limits {group: limit} and one stage that uses groups."""
    concurrency = [{"group": group} | ({"limit": limit} if limit else {}) for group, limit in groups]
    return a_definition(name, [a_stage("first"), a_stage("load", uses=list(uses))], concurrency=concurrency)


def a_group(name: str, limit: int | None, *users: GroupUser, set_by: str | None = None) -> dict[str, Group]:
    return {name: Group(name, limit, set_by, users)}


def a_user(group: str, limit: int | None = None, stages: int = 0, id: int = OTHER, name: str = "sales") -> GroupUser:
    return GroupUser(id, name, GroupUse(group, limit, stages == 0, stages))


def find(definition: PipelineDefinition, groups: dict[str, Group], pipeline_id: int | None = THIS) -> list[tuple[str, str]]:
    return [(problem.field, problem.message) for problem in find_group_problems(definition, groups, pipeline_id)]


LIMITED = a_group("warehouse", 4, a_user("warehouse", 4))
BY_ADMIN = a_group("warehouse", 4, set_by="ada")
MINE = a_group("warehouse", 4, a_user("warehouse", 4, id=THIS, name="stock"))
LEFT = a_group("warehouse", 4)
ACCEPTED = {
    "no groups": (a_pipeline(), {}),
    "a new group": (a_pipeline(("warehouse", 4)), {}),
    "the same limit": (a_pipeline(("warehouse", 4)), LIMITED),
    "the limit of another pipeline": (a_pipeline(("warehouse", None)), LIMITED),
    "a stage with the limit of another pipeline": (a_pipeline(uses=("warehouse",)), LIMITED),
    "the limit of an administrator": (a_pipeline(("warehouse", None)), BY_ADMIN),
    "a stage with the limit of an administrator": (a_pipeline(uses=("warehouse",)), BY_ADMIN),
    "another limit of my own": (a_pipeline(("warehouse", 9)), MINE),
    "a limit that is left over": (a_pipeline(("warehouse", None)), LEFT),
    "another limit than the one left over": (a_pipeline(("warehouse", 9)), LEFT),
    "a limit for a group whose users give none": (a_pipeline(("warehouse", 9)), a_group("warehouse", 4, a_user("warehouse"))),
}
REFUSED = {
    "another limit": (
        a_pipeline(("warehouse", 6)),
        LIMITED,
        "concurrency[0].limit",
        "must be 4, the limit of the group warehouse in pipeline sales",
    ),
    "another limit beside my own": (
        a_pipeline(("mail", 1), ("warehouse", 6)),
        a_group("warehouse", 4, a_user("warehouse", 4, id=THIS, name="stock"), a_user("warehouse", 4, id=3, name="third")),
        "concurrency[1].limit",
        "must be 4, the limit of the group warehouse in pipeline third",
    ),
    "a limit that an administrator set": (
        a_pipeline(("warehouse", 4)),
        BY_ADMIN,
        "concurrency[0].limit",
        "must be removed: ada set the limit of the group warehouse to 4",
    ),
    "no limit at all": (
        a_pipeline(("warehouse", None)),
        {},
        "concurrency[0].limit",
        "is required: the group warehouse has no other limit",
    ),
    "no limit where only I gave one": (
        a_pipeline(("warehouse", None)),
        MINE,
        "concurrency[0].limit",
        "is required: the group warehouse has no other limit",
    ),
    "a stage without a limit": (
        a_pipeline(uses=("warehouse",)),
        {},
        "stages[1].uses",
        "names the group warehouse, which has no limit: set one under concurrency in a pipeline, or as an admin",
    ),
    "a stage of a group where only I gave a limit": (
        a_pipeline(uses=("warehouse",)),
        MINE,
        "stages[1].uses",
        "names the group warehouse, which has no limit: set one under concurrency in a pipeline, or as an admin",
    ),
}


@pytest.mark.parametrize(("definition", "groups"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_groups_that_fit_are_accepted(definition: PipelineDefinition, groups: dict[str, Group]) -> None:
    assert find(definition, groups) == []


@pytest.mark.parametrize(("definition", "groups", "field", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_groups_that_do_not_fit_are_refused(definition: PipelineDefinition, groups: dict[str, Group], field: str, sentence: str) -> None:
    assert find(definition, groups) == [(field, sentence)]


def test_two_pipelines_that_could_wait_for_each_other_for_ever_are_refused() -> None:
    groups = a_group("a", 1, a_user("a", 1)) | a_group("b", 1, a_user("b", stages=1))

    assert find(a_pipeline(("b", 1), uses=("a",)), groups) == [
        (
            "stages[1].uses",
            "makes runs of stock and sales wait for each other forever: b → a → b; "
            "each holds a slot of one group while a stage waits for the next",
        )
    ]


@pytest.mark.parametrize("length", [2, 3, 5, 20])
def test_a_ring_of_any_length_is_refused_and_a_chain_is_not(length: int) -> None:
    """Pipeline n holds group n while a stage of it waits for group n + 1; the last one would close the ring."""
    groups = {
        f"g{n}": Group(
            f"g{n}",
            1,
            None,
            tuple(
                a_user(f"g{n}", limit, stages, id=100 + owner, name=f"p{owner}")
                for owner, limit, stages in ((n, 1, 0), (n - 1, None, 1))
                if 0 <= owner < length - 1
            ),
        )
        for n in range(length)
    }

    assert find(a_pipeline((f"g{length - 1}", 1)), groups) == []
    assert find(a_pipeline((f"g{length - 1}", 1), uses=("other",)), groups | a_group("other", 1, set_by="ada")) == []
    ((field, sentence),) = find(a_pipeline((f"g{length - 1}", 1), uses=("g0",)), groups)
    assert field == "stages[1].uses"
    named = [name for name in ("stock", *(f"p{n}" for n in range(length - 1))) if name in sentence.split(" wait ")[0]]
    assert len(named) >= min(length, 3) and len(sentence) < 250


def test_stages_that_hold_slots_of_each_other_s_groups_are_accepted() -> None:
    """A stage gets all its slots or none, so that no stage waits while it holds one."""
    groups = a_group("a", 1, a_user("a", stages=1), set_by="ada") | a_group("b", 1, a_user("b", stages=1), set_by="ada")

    assert find(a_pipeline(uses=("b", "a")), groups) == []


def test_a_change_that_ends_a_ring_of_its_own_is_accepted() -> None:
    groups = a_group("a", 1, a_user("a", 1), a_user("a", stages=1, id=THIS, name="stock"))
    groups |= a_group("b", 1, a_user("b", stages=1), a_user("b", 1, id=THIS, name="stock"))

    assert find(a_pipeline(("b", 1)), groups) == []


def test_uses_of_groups_are_collected_from_the_pipeline_and_its_stages() -> None:
    definition = a_definition(
        stages=[a_stage("a", uses=["z", "m"]), a_stage("b", uses=["m"]), a_stage("c")],
        concurrency=[{"limit": 1}, {"group": "w", "limit": 4}, {"group": "c"}],
    )

    assert get_group_uses(definition) == [
        GroupUse("c", None, True, 0),
        GroupUse("m", None, False, 2),
        GroupUse("w", 4, True, 0),
        GroupUse("z", None, False, 1),
    ]
