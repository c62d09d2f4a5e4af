"""The JSON Schema of definitions, which editors use, agrees with the parser on schedules, expectations, limits and durations."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from domain.alerts.rule import AlertEvent
from domain.errors import InvalidInput
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.schema.pipeline import DEFINITION
from tests.support.builders import a_stage

VALIDATOR = Draft202012Validator(DEFINITION)


def with_schedule(**keys: Any) -> dict[str, Any]:
    return {"name": "p", "stages": [a_stage()], "schedules": [{"name": "nightly", **keys}]}


def with_expectation(**keys: Any) -> dict[str, Any]:
    return {"name": "p", "stages": [a_stage("a", "external")], "expect": [keys]}


def with_limits(*limits: Any, **keys: Any) -> dict[str, Any]:
    return {"name": "p", "stages": [a_stage()], "concurrency": list(limits), **keys}


def with_rule(**keys: Any) -> dict[str, Any]:
    return {"name": "p", "stages": [a_stage()], "alerts": [{"on": ["failed"], "to": ["team"], **keys}]}


VALID = {
    "cron": with_schedule(cron="30 2 * * *", timezone="Europe/Berlin"),
    "an interval": with_schedule(every="15m", offset=300),
    "an interval in seconds": with_schedule(every=5),
    "one time": with_schedule(at="2026-12-24T18:00"),
    "bounds": with_schedule(cron="@daily", start="2026-12-01", end="2026-12-31T12:00", skip=["2026-12-25"]),
    "no bounds": with_schedule(cron="@daily", start=None, end=None, skip=None, parameters=None),
    "jitter": with_schedule(cron="@daily", jitter="1h30m"),
    "parameters": with_schedule(cron="@daily", parameters={"day": {"tick": "date", "offset": "-1d"}}),
    "policies": with_schedule(cron="@daily", catch_up="none", catch_up_window="7d", overlap="queue_all"),
    "an expectation": with_expectation(cron="@daily", grace="5m", max_duration=3_600),
    "an expected interval": with_expectation(every="1h", offset="5m", max_duration=None),
    "durations of a stage": {"name": "p", "stages": [a_stage(timeout="2h", retry_delay="0.5s")]},
    "limits": with_limits({"limit": 1, "when_full": "skip"}, {"limit": 2, "key": {"parameter": "a"}}, {"group": "g"}, priority=-100),
    "absent keys of a limit": with_limits({"limit": 1, "group": None, "key": None}, {"limit": None, "group": "g"}),
    "uses": {"name": "p", "stages": [a_stage(uses=["a", "b"]), {"name": "ask", "kind": "approval", "hold": True}]},
    "no limits": {"name": "p", "stages": [a_stage(uses=None)], "concurrency": None},
    "a deployment": {"name": "p", "stages": [{"name": "a", "deployment": "ml/train"}]},
    "all keys of a deployment": {
        "name": "p",
        "stages": [a_stage("a", "prefect", parameters={"a": [{"parameter": "b"}]}, on_cancel="leave")],
    },
    "a rule": with_rule(),
    "all events": with_rule(on=[event.value for event in AlertEvent]),
    "all keys of a rule": with_rule(
        name="nightly",
        after=100,
        to=["team", {"channel": "pager", "after": "30m"}, {"channel": "mail"}],
        remind=60,
        recovery=False,
        quiet={"timezone": "Asia/Kolkata", "from": "22:00", "to": "07:00", "except": ["pager"]},
    ),
    "absent keys of a rule": with_rule(name=None, remind=None, quiet=None),
    "quiet hours": with_rule(quiet={"from": "00:00", "to": "23:59", "except": None}),
    "no rules": {"name": "p", "stages": [a_stage()], "alerts": None},
    "no schedules": {"name": "p", "stages": [a_stage()], "schedules": [], "expect": None},
}
INVALID = {
    "no time": with_schedule(),
    "two times": with_schedule(cron="@daily", every=60),
    "a short interval": with_schedule(every=1),
    "a duration without a unit": with_schedule(every="60"),
    "an empty duration": with_schedule(every=""),
    "an unknown policy": with_schedule(cron="@daily", overlap="wait"),
    "an unknown key": with_schedule(cron="@daily", crom="x"),
    "a skipped number": with_schedule(cron="@daily", skip=[20261225]),
    "21 schedules": {"name": "p", "stages": [a_stage()], "schedules": [{"name": f"s{n}", "cron": "@daily"} for n in range(21)]},
    "an expected time": with_expectation(at="2026-12-24T18:00"),
    "no longest duration": with_expectation(cron="@daily", max_duration=0),
    "a limit of nothing": with_limits({}),
    "a limit of null": with_limits({"limit": None}),
    "a limit of 0": with_limits({"limit": 0}),
    "a group with a key": with_limits({"limit": 1, "group": "a", "key": {"parameter": "a"}}),
    "a key without a parameter": with_limits({"limit": 1, "key": {}}),
    "an unknown key of a limit": with_limits({"limit": 1, "grup": "a"}),
    "an unknown choice": with_limits({"limit": 1, "when_full": "wait"}),
    "21 limits": with_limits(*[{"group": f"g{n}"} for n in range(21)]),
    "a high priority": with_limits({"limit": 1}, priority=101),
    "a group used twice": {"name": "p", "stages": [a_stage(uses=["a", "a"])]},
    "a rule without an event": with_rule(on=[]),
    "an unknown event": with_rule(on=["broken"]),
    "one event as text": with_rule(on="failed"),
    "a rule without a channel": with_rule(to=[]),
    "a channel in capitals": with_rule(to=["Team"]),
    "a channel of 64 characters": with_rule(to=["a" * 64]),
    "21 channels": with_rule(to=[f"c{n}" for n in range(21)]),
    "a target without a channel": with_rule(to=[{"after": 60}]),
    "a target with an unknown key": with_rule(to=[{"channel": "team", "afer": 60}]),
    "a target before its incident": with_rule(to=[{"channel": "team", "after": -1}]),
    "a number as rule": with_rule(name=7),
    "an empty name of a rule": with_rule(name=""),
    "after no failure": with_rule(after=0),
    "after 101 failures": with_rule(after=101),
    "a reminder each second": with_rule(remind=1),
    "a recovery by text": with_rule(recovery="yes"),
    "quiet hours without an end": with_rule(quiet={"from": "22:00"}),
    "quiet hours by number": with_rule(quiet={"from": 1320, "to": 420}),
    "an hour that does not exist": with_rule(quiet={"from": "24:00", "to": "07:00"}),
    "a time with seconds": with_rule(quiet={"from": "22:00:00", "to": "07:00"}),
    "an unknown key of quiet hours": with_rule(quiet={"from": "22:00", "to": "07:00", "zone": "UTC"}),
    "an unknown key of a rule": with_rule(chanels=["team"]),
    "21 rules": {"name": "p", "stages": [a_stage()], "alerts": [{"name": f"r{n}", "on": ["failed"], "to": ["a"]} for n in range(21)]},
    "a negative timeout": {"name": "p", "stages": [a_stage(timeout=-1)]},
}


@pytest.mark.parametrize("definition", VALID.values(), ids=VALID.keys())
def test_both_accept_a_valid_definition_and_its_serialized_form(definition: dict[str, Any]) -> None:
    parsed = serialize_pipeline(parse_definition(definition))
    serialized = {**definition, **{key: parsed[key] for key in ("schedules", "expect", "concurrency", "priority", "alerts")}}

    assert [error.message for raw in (definition, serialized) for error in VALIDATOR.iter_errors(raw)] == []


@pytest.mark.parametrize("definition", INVALID.values(), ids=INVALID.keys())
def test_both_refuse_an_invalid_definition(definition: dict[str, Any]) -> None:
    assert list(VALIDATOR.iter_errors(definition))
    with pytest.raises(InvalidInput):
        parse_definition(definition)
