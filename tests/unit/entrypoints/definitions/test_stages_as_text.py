"""Stages as text."""

import pytest
import yaml

from domain.pipelines.parsing import parse_definition
from entrypoints.definitions.definition_text import format_definition


@pytest.mark.parametrize(
    "stage",
    [
        {"name": "a", "kind": "command", "command": ["true"]},
        {"name": "a", "kind": "python", "callable": "module:function"},
        {"name": "a", "kind": "external"},
        {"name": "a", "kind": "approval"},
        {"name": "a", "kind": "http", "url": "https://shop.example/orders"},
    ],
    ids=lambda stage: str(stage["kind"]),
)
def test_a_stage_is_shown_without_the_keys_that_have_their_default(stage: dict[str, object]) -> None:
    definition = parse_definition({"name": "sales", "stages": [stage]})

    text = format_definition(definition)

    assert yaml.safe_load(text) == {"name": "sales", "stages": [stage]}
    assert parse_definition(yaml.safe_load(text)) == definition


def test_keys_of_an_http_stage_and_an_approval_that_differ_from_their_default_are_shown() -> None:
    stages = [
        {"name": "a", "kind": "approval", "message": "Release?", "approvers": ["ada"], "hold": True},
        {"name": "b", "kind": "http", "url": "https://shop.example/orders", "method": "POST", "body": {"day": 1}, "expected": [200]},
    ]
    definition = parse_definition({"name": "sales", "stages": stages})

    assert yaml.safe_load(format_definition(definition)) == {"name": "sales", "stages": stages}
