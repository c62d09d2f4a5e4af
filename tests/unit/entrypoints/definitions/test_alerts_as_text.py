"""Alert rules in the text of the editor and in the differences of revisions."""

from typing import Any

import pytest

from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.definition_text import format_definition
from entrypoints.definitions.revision_diff import diff_revisions
from entrypoints.definitions.yaml_reader import InvalidDefinitionText
from entrypoints.definitions.yaml_reader import parse_definition as parse_text
from tests.support.builders import a_stage

RULE = """
name: p
stages: [{name: load, command: ["true"]}]
alerts:
  - on: [failed, lost]
    to: [team, {channel: pager, after: 30m}]
    quiet: {timezone: Europe/Berlin, from: "22:00", to: "07:00", except: [pager]}
"""


def a_pipeline(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"name": "p", "stages": [a_stage("load")], "alerts": list(rules)}


def test_the_key_on_needs_no_quotes() -> None:
    (rule,) = parse_definition(parse_text(RULE)).alerts

    assert [event.value for event in rule.on] == ["failed", "lost"]


@pytest.mark.parametrize("written", ["On", "ON", "yes", "true"])
def test_other_words_for_true_are_no_keys(written: str) -> None:
    with pytest.raises(InvalidDefinitionText, match=f"the key {written} is true"):
        parse_text(RULE.replace("on:", f"{written}:"))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (RULE.replace('"22:00"', "22:00"), r"alerts\[0\].quiet.from is the number 1320, written 22:00: put it in quotes"),
        (RULE.replace("[team,", "[12,"), r"alerts\[0\].to\[0\] is the number 12: put it in quotes"),
        (RULE.replace("channel: pager", "channel: 12"), r"alerts\[0\].to\[1\].channel is the number 12: put it in quotes"),
    ],
)
def test_a_number_where_only_text_is_valid_is_refused_with_its_line(written: str, message: str) -> None:
    with pytest.raises(InvalidDefinitionText, match=message):
        parse_text(written)


def test_every_key_of_rules_survives_the_text_of_the_editor() -> None:
    quiet = {"timezone": "Europe/Berlin", "from": "00:00", "to": "07:30", "except": ["pager"]}
    full = {"name": "nightly", "on": ["missed"], "after": 3, "to": ["team", {"channel": "pager", "after": 90}], "remind": "4h"}
    definition = parse_definition(a_pipeline(full | {"recovery": False, "quiet": quiet}, {"on": ["failed"], "to": ["team"]}))

    assert parse_definition(parse_text(format_definition(definition))) == definition


def test_the_text_of_the_editor_has_no_default_of_rules() -> None:
    text = format_definition(parse_definition(a_pipeline({"on": ["failed"], "to": ["team", {"channel": "pager", "after": 1800}]})))

    assert text.endswith("alerts:\n- 'on': [failed]\n  to:\n  - team\n  - {channel: pager, after: 30m}\n")


def test_changes_of_rules_are_listed_and_nothing_is_listed_for_a_revision_of_an_older_version() -> None:
    plain = serialize_pipeline(parse_definition(a_pipeline()))
    older = {key: value for key, value in plain.items() if key != "alerts"}
    with_rule = serialize_pipeline(parse_definition(a_pipeline({"on": ["failed"], "to": ["team"]})))

    assert diff_revisions(older, plain) == []
    assert diff_revisions(older, with_rule) == ["changed alerts"]
