"""The key `alerts` of a pipeline, and the sentences that refuse values."""

from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.parsing import MAX_AFTER, MIN_REMIND, parse_rule, restore_rule
from domain.alerts.rule import AlertEvent, AlertRule, QuietHours, RuleTarget
from domain.alerts.serialization import serialize_rule
from domain.errors import InvalidInput
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from tests.support.builders import a_stage

NO_EVENT = "must be a list of at least one of failed, lost, cancelled, completed, recovered, missed, late, overrun, waiting"
NO_TARGETS = "must be a list of 1 to 20 channels, such as [team, {channel: pager, after: 30m}]"
NO_CHANNEL = "must be 1 to 63 lower-case letters, digits and hyphens"
NO_TIME = 'must be a time in quotes, such as "22:00"'
QUIET = {"timezone": "Europe/Berlin", "from": "22:00", "to": "07:00"}
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no event": ({"on": []}, "on", NO_EVENT),
    "an event twice removed": ({"on": ["failed", "fails"]}, "on", NO_EVENT),
    "an object as event": ({"on": [{}]}, "on", NO_EVENT),
    "no channel": ({"to": None}, "to", NO_TARGETS),
    "a text": ({"to": "team"}, "to", NO_TARGETS),
    "a number as channel": ({"to": [1]}, "to[0]", "must be the name of a channel, or an object such as {channel: pager, after: 30m}"),
    "a channel with a space": ({"to": ["a", "the team"]}, "to[1]", NO_CHANNEL),
    "a target with a bad name": ({"to": [{"channel": "T"}]}, "to[0].channel", NO_CHANNEL),
    "a channel twice": ({"to": ["team", {"channel": "team"}]}, "to[1]", "repeats the channel team with the same after"),
    "an unknown key": ({"too": 1}, "too", "unknown key; known keys: after, name, on, quiet, recovery, remind, to"),
    "an unknown key of a target": ({"to": [{"channel": "a", "x": 1}]}, "to[0].x", "unknown key; known keys: after, channel"),
    "no failure": ({"after": 0}, "after", "must be a whole number from 1 to 100"),
    "a short reminder": ({"remind": "59s"}, "remind", "must be at least 1m"),
    "an unknown zone": (
        {"quiet": QUIET | {"timezone": "Europe/Berln"}},
        "quiet.timezone",
        "there is no time zone Europe/Berln; did you mean Europe/Berlin?",
    ),
    "a number of base 60": ({"quiet": QUIET | {"from": 1320}}, "quiet.from", NO_TIME),
    "no end": ({"quiet": {"from": "22:00"}}, "quiet.to", NO_TIME),
    "hours as text": (
        {"quiet": "22:00-07:00"},
        "quiet",
        'must be an object such as {timezone: Europe/Berlin, from: "22:00", to: "07:00"}',
    ),
    "another channel": ({"quiet": QUIET | {"except": ["pager"]}}, "quiet.except[0]", "names pager, which is not a channel of this rule"),
}
CHANNELS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63)
SECONDS = st.integers(0, 10_000_000).map(float)


@st.composite
def rules(draw: st.DrawFn) -> AlertRule:
    targets = tuple(draw(st.lists(st.builds(RuleTarget, CHANNELS, SECONDS), min_size=1, max_size=20, unique=True)))
    times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
    exempt = st.lists(st.sampled_from([target.channel for target in targets]), unique=True).map(tuple)
    return AlertRule(
        on=tuple(draw(st.lists(st.sampled_from(AlertEvent), min_size=1, unique=True))),
        to=targets,
        name=draw(st.none() | st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,99}", fullmatch=True)),
        after=draw(st.integers(1, MAX_AFTER)),
        remind=draw(st.none() | SECONDS.map(lambda seconds: seconds + MIN_REMIND)),
        recovery=draw(st.booleans()),
        quiet=draw(st.none() | st.builds(QuietHours, st.sampled_from(["UTC", "Europe/Berlin"]), times, times, exempt)),
    )


@given(rules())
def test_a_rule_survives_its_serialized_form(rule: AlertRule) -> None:
    assert parse_rule(serialize_rule(rule)) == restore_rule(serialize_rule(rule)) == rule
    assert parse_rule(serialize_rule(rule)).key == rule.key


@pytest.mark.parametrize(("keys", "field", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_an_invalid_rule_is_refused_with_its_field(keys: dict[str, Any], field: str, message: str) -> None:
    raw = {"name": "p", "stages": [a_stage()], "alerts": [{"on": ["failed"], "to": ["team"]} | keys]}

    with pytest.raises(InvalidInput) as refused:
        parse_definition(raw)

    assert [(problem.field, problem.message) for problem in refused.value.problems] == [(f"alerts[0].{field}", message)]


@pytest.mark.parametrize(
    ("alerts", "field", "message"),
    [
        ({}, "alerts", "must be a list of at most 20 rules"),
        ([1], "alerts[0]", "must be an object with the keys on and to"),
        ([{"name": "a", "on": ["lost"], "to": ["a"]}, {"name": "a", "on": ["failed"], "to": ["a"]}], "alerts[1].name", "the name a"),
        ([{"on": ["lost"], "to": ["a"]}, {"on": ["lost"], "to": [{"channel": "a"}], "after": 1}], "alerts[1]", "the same content"),
    ],
)
def test_invalid_lists_of_rules_are_refused(alerts: object, field: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        parse_definition({"name": "p", "stages": [a_stage()], "alerts": alerts})

    assert [problem.field for problem in refused.value.problems] == [field]


def test_all_problems_of_a_rule_are_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_rule({"on": [], "to": [], "after": 0, "remind": 0, "recovery": 1, "quiet": {}, "name": 1}, "rule.")

    fields = {problem.field for problem in refused.value.problems}
    assert fields == {f"rule.{name}" for name in ("on", "to", "after", "remind", "recovery", "quiet.from", "quiet.to", "name")}


def test_a_definition_with_rules_survives_its_serialized_form() -> None:
    rules = [{"on": ["failed"], "to": ["team", {"channel": "pager", "after": "30m"}], "quiet": QUIET | {"except": ["pager"]}}]
    definition = parse_definition({"name": "p", "stages": [a_stage()], "alerts": rules})

    assert definition.alerts[0].channels == ("team", "pager")
    assert parse_definition(serialize_pipeline(definition)) == definition
