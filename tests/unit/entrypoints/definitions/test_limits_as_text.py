"""Concurrency limits in the text of the editor and in the differences of revisions."""

from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.definition_text import format_definition
from entrypoints.definitions.revision_diff import diff_revisions
from entrypoints.definitions.yaml_reader import parse_definition as parse_text
from tests.support.builders import a_stage

APPROVAL = {"name": "ask", "kind": "approval"}


def test_every_key_of_limits_survives_the_text_of_the_editor() -> None:
    stages = [
        a_stage("load", uses=["website", "mail"]),
        {"name": "call", "kind": "http", "url": "https://example.org", "uses": ["website"]},
        APPROVAL | {"hold": True},
    ]
    limits = [{"limit": 1, "when_full": "keep_newest"}, {"limit": 2, "key": {"parameter": "größe"}}, {"group": "warehouse"}]
    definition = parse_definition({"name": "sales", "stages": stages, "concurrency": limits, "priority": -7})

    assert parse_definition(parse_text(format_definition(definition))) == definition


def test_the_text_of_the_editor_has_no_default_of_limits() -> None:
    text = format_definition(parse_definition({"name": "sales", "stages": [a_stage("load"), APPROVAL], "concurrency": [{"limit": 3}]}))

    assert "concurrency:\n- {limit: 3}\n" in text
    assert not {"when_full", "priority", "uses", "hold"} & set(text.replace(":", " ").split())


def test_changes_of_limits_are_listed_and_nothing_is_listed_for_a_revision_of_an_older_version() -> None:
    plain = serialize_pipeline(parse_definition({"name": "sales", "stages": [a_stage("load")]}))
    older = {key: value for key, value in plain.items() if key not in ("concurrency", "priority")}
    older["stages"] = [{key: value for key, value in stage.items() if key not in ("uses", "hold")} for stage in plain["stages"]]
    changed = {"name": "sales", "stages": [a_stage("load", uses=["mail"])], "concurrency": [{"limit": 3}], "priority": 5}
    limited = serialize_pipeline(parse_definition(changed))

    assert diff_revisions(older, plain) == []
    assert diff_revisions(older, limited) == ['changed stage load (uses [] → ["mail"])', "changed concurrency", "changed priority 0 → 5"]
