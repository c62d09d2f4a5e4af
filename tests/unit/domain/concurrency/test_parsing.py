"""The keys `concurrency` and `priority` of a pipeline, `uses` and `hold` of a stage, and the sentences that refuse values."""

from typing import Any

import pytest

from domain.concurrency.definition import ConcurrencyLimit, WhenFull
from domain.errors import InvalidInput
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from tests.support.builders import a_stage

APPROVAL = {"name": "ask", "kind": "approval"}
NO_NAME = "must begin with a letter, followed by letters, digits, - _ . ; at most 100 characters"
NO_LIMIT = "must be a whole number from 1 to 10000"
NO_KEY = "must be an object such as {parameter: customer}"
NO_CHOICE = "must be one of queue, skip, cancel_running, keep_newest"
UNKNOWN = "unknown key; known keys: group, key, limit, when_full"


def a_raw_definition(*limits: object, **keys: Any) -> dict[str, Any]:
    return {"name": "sales", "stages": [a_stage("load")], "concurrency": list(limits), **keys}


def with_uses(*uses: object) -> dict[str, Any]:
    return a_raw_definition({"group": "warehouse", "limit": 4}, stages=[a_stage("load", uses=list(uses))])


ACCEPTED = {
    "none": (a_raw_definition(), ()),
    "null": (a_raw_definition(concurrency=None), ()),
    "one": (a_raw_definition({"limit": 1}), (ConcurrencyLimit(1),)),
    "the largest": (a_raw_definition({"limit": 10_000}), (ConcurrencyLimit(10_000),)),
    "a key": (a_raw_definition({"limit": 2, "key": {"parameter": "a customer"}}), (ConcurrencyLimit(2, key="a customer"),)),
    "a group": (a_raw_definition({"limit": 4, "group": "warehouse"}), (ConcurrencyLimit(4, "warehouse"),)),
    "a group without a limit": (a_raw_definition({"group": "warehouse"}), (ConcurrencyLimit(None, "warehouse"),)),
    "absent keys as null": (a_raw_definition({"limit": 1, "group": None, "key": None}), (ConcurrencyLimit(1),)),
    **{choice: (a_raw_definition({"limit": 1, "when_full": choice}), (ConcurrencyLimit(1, when_full=choice),)) for choice in WhenFull},
    "all kinds": (
        a_raw_definition({"limit": 1}, {"limit": 1, "key": {"parameter": "a"}}, {"limit": 1, "key": {"parameter": "b"}}, {"group": "a"}),
        (ConcurrencyLimit(1), ConcurrencyLimit(1, key="a"), ConcurrencyLimit(1, key="b"), ConcurrencyLimit(None, "a")),
    ),
}
REFUSED = {
    "a number": (a_raw_definition(concurrency=1), "concurrency", "must be a list of at most 20 limits"),
    "an object": (a_raw_definition(concurrency={"limit": 1}), "concurrency", "must be a list of at most 20 limits"),
    "21 limits": (a_raw_definition(*[{"group": f"g{n}"} for n in range(21)]), "concurrency", "must be a list of at most 20 limits"),
    "a number in the list": (a_raw_definition(1), "concurrency[0]", "must be an object with the key limit"),
    "an empty entry": (a_raw_definition({}), "concurrency[0].limit", "is required unless group is set"),
    "a key without a limit": (
        a_raw_definition({"key": {"parameter": "a"}}),
        "concurrency[0].limit",
        "is required unless group is set",
    ),
    "a limit of 0": (a_raw_definition({"limit": 0}), "concurrency[0].limit", NO_LIMIT),
    "a limit below 0": (a_raw_definition({"limit": -1}), "concurrency[0].limit", NO_LIMIT),
    "a large limit": (a_raw_definition({"limit": 10_001}), "concurrency[0].limit", NO_LIMIT),
    "half a limit": (a_raw_definition({"limit": 1.5}), "concurrency[0].limit", NO_LIMIT),
    "true": (a_raw_definition({"limit": True}), "concurrency[0].limit", NO_LIMIT),
    "a text": (a_raw_definition({"limit": "4"}), "concurrency[0].limit", NO_LIMIT),
    "an unknown key": (a_raw_definition({"limit": 1, "grup": "a"}), "concurrency[0].grup", UNKNOWN),
    "an unknown choice": (a_raw_definition({"limit": 1, "when_full": "wait"}), "concurrency[0].when_full", NO_CHOICE),
    "no choice": (a_raw_definition({"limit": 1, "when_full": None}), "concurrency[0].when_full", NO_CHOICE),
    "a group's name with a space": (a_raw_definition({"group": "a b"}), "concurrency[0].group", NO_NAME),
    "an empty group": (a_raw_definition({"group": ""}), "concurrency[0].group", NO_NAME),
    "a long group": (a_raw_definition({"group": "a" * 101}), "concurrency[0].group", NO_NAME),
    "a group's name as a number": (a_raw_definition({"group": 5}), "concurrency[0].group", "is the number 5: put it in quotes"),
    "a key as text": (a_raw_definition({"limit": 1, "key": "customer"}), "concurrency[0].key", NO_KEY),
    "a key of something else": (a_raw_definition({"limit": 1, "key": {"tag": "a"}}), "concurrency[0].key", NO_KEY),
    "a key of two things": (a_raw_definition({"limit": 1, "key": {"parameter": "a", "tag": "b"}}), "concurrency[0].key", NO_KEY),
    "a key without a name": (a_raw_definition({"limit": 1, "key": {"parameter": ""}}), "concurrency[0].key.parameter", "must not be empty"),
    "a key's name as a number": (
        a_raw_definition({"limit": 1, "key": {"parameter": 1}}),
        "concurrency[0].key.parameter",
        "is the number 1: put it in quotes",
    ),
    "a long key": (
        a_raw_definition({"limit": 1, "key": {"parameter": "a" * 201}}),
        "concurrency[0].key.parameter",
        "must be at most 200 characters long",
    ),
    "a key with NUL": (
        a_raw_definition({"limit": 1, "key": {"parameter": "a\0"}}),
        "concurrency[0].key.parameter",
        "must not have a NUL character",
    ),
    "a key of a group": (
        a_raw_definition({"limit": 1, "group": "a", "key": {"parameter": "b"}}),
        "concurrency[0].key",
        "cannot be combined with group: all holders of a group share one limit",
    ),
    "the pipeline twice": (a_raw_definition({"limit": 1}, {"limit": 2}), "concurrency[1]", "repeats the limit of the pipeline's runs"),
    "a group twice": (a_raw_definition({"group": "a"}, {"group": "a"}), "concurrency[1]", "repeats the group a"),
    "a key twice": (
        a_raw_definition({"limit": 1, "key": {"parameter": "c"}}, {"limit": 2, "key": {"parameter": "c"}}),
        "concurrency[1]",
        "repeats the limit for each c",
    ),
    "a high priority": (a_raw_definition(priority=101), "priority", "must be a whole number from -100 to 100"),
    "a low priority": (a_raw_definition(priority=-101), "priority", "must be a whole number from -100 to 100"),
    "a priority in words": (a_raw_definition(priority="high"), "priority", "must be a whole number from -100 to 100"),
    "uses as text": (a_raw_definition(stages=[a_stage(uses="a")]), "stages[0].uses", "must be a list of at most 20 groups"),
    "21 uses": (with_uses(*[f"g{n}" for n in range(21)]), "stages[0].uses", "must be a list of at most 20 groups"),
    "uses of a number": (with_uses("a", 5), "stages[0].uses[1]", "is the number 5: put it in quotes"),
    "uses of a wrong name": (with_uses("a b"), "stages[0].uses[0]", NO_NAME),
    "uses of a group twice": (with_uses("a", "b", "a"), "stages[0].uses[2]", "repeats the group a"),
    "uses of a group that the run holds": (
        with_uses("warehouse"),
        "stages[0].uses",
        "names the group warehouse, of which the run already holds a slot by concurrency",
    ),
    "uses of an external stage": (
        a_raw_definition(stages=[a_stage("load", "external", uses=["a"])]),
        "stages[0].uses",
        "a stage of kind external has no uses",
    ),
    "uses of an approval": (
        a_raw_definition(stages=[APPROVAL | {"uses": ["a"]}]),
        "stages[0].uses",
        "a stage of kind approval has no uses",
    ),
    "hold of a command": (a_raw_definition(stages=[a_stage(hold=True)]), "stages[0].hold", "a stage of kind command has no hold"),
    "hold as text": (a_raw_definition(stages=[APPROVAL | {"hold": "yes"}]), "stages[0].hold", "must be true or false"),
}


@pytest.mark.parametrize(("raw", "limits"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_limits_are_parsed(raw: dict[str, Any], limits: tuple[ConcurrencyLimit, ...]) -> None:
    assert parse_definition(raw).concurrency == limits


@pytest.mark.parametrize(("raw", "field", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_value_is_named_with_the_reason(raw: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_definition(raw)

    assert [(problem.field, problem.message) for problem in error.value.problems] == [(field, sentence)]


def test_every_key_survives_serialization() -> None:
    keys = {"priority": -7, "stages": [a_stage("load", uses=["website", "mail"]), APPROVAL | {"hold": True}]}
    limits = [{"limit": 1, "when_full": "keep_newest"}, {"limit": 2, "key": {"parameter": "größe"}}, {"group": "warehouse"}]
    definition = parse_definition(a_raw_definition(*limits, **keys))

    assert parse_definition(serialize_pipeline(definition)) == definition
    assert (definition.priority, definition.stages[0].uses, definition.stages[1].hold) == (-7, ("website", "mail"), True)


def test_limits_of_a_pipeline_of_external_stages_are_accepted() -> None:
    assert parse_definition(a_raw_definition({"limit": 1}, stages=[a_stage("a", "external")])).concurrency == (ConcurrencyLimit(1),)
