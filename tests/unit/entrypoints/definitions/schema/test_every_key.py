"""The schema has every key that the parser knows, with a description, and its examples and defaults are valid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from domain.alerts.parsing import QUIET_KEYS, RULE_KEYS, TARGET_KEYS
from domain.concurrency.parsing import LIMIT_KEYS
from domain.pipelines.definition import StageKind
from domain.pipelines.field_parser import ALL_STAGE_KEYS, COMMON_STAGE_KEYS, STAGE_KEYS
from domain.pipelines.parsing import PIPELINE_KEYS
from domain.schedules.parsing import EXPECTATION_KEYS, SCHEDULE_KEYS
from entrypoints.definitions.schema.alerts import QUIET, RULE, TARGET
from entrypoints.definitions.schema.concurrency import LIMIT
from entrypoints.definitions.schema.document import build_schema_document
from entrypoints.definitions.schema.pipeline import DEFINITION
from entrypoints.definitions.schema.schedules import EXPECTATION, SCHEDULE
from entrypoints.definitions.schema.stage import STAGE, list_kinds

OBJECTS: dict[str, tuple[dict[str, Any], frozenset[str]]] = {
    "pipeline": (DEFINITION, PIPELINE_KEYS),
    "stage": (STAGE, ALL_STAGE_KEYS),
    "schedule": (SCHEDULE, SCHEDULE_KEYS),
    "expectation": (EXPECTATION, EXPECTATION_KEYS),
    "limit": (LIMIT, LIMIT_KEYS),
    "rule": (RULE, RULE_KEYS),
    "target": (TARGET, TARGET_KEYS),
    "quiet": (QUIET, QUIET_KEYS),
}
KEYS = [(f"{name}.{key}", schema) for name, (found, _) in OBJECTS.items() for key, schema in found["properties"].items()]
WORK = {
    StageKind.COMMAND: {"command": ["true"]},
    StageKind.PYTHON: {"callable": "jobs:main"},
    StageKind.HTTP: {"url": "https://a.example"},
    StageKind.PREFECT: {"deployment": "ml/train"},
}
VALIDATOR = Draft202012Validator(build_schema_document("http://127.0.0.1:8000"))


def list_values(schema: dict[str, Any]) -> Iterator[Any]:
    yield from schema.get("examples", ())
    if "default" in schema:
        yield schema["default"]


@pytest.mark.parametrize("name", OBJECTS)
def test_the_schema_has_the_keys_of_the_parser(name: str) -> None:
    schema, keys = OBJECTS[name]

    assert schema["properties"].keys() == keys
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(("key", "schema"), KEYS, ids=[key for key, _ in KEYS])
def test_a_key_has_a_description_and_valid_examples(key: str, schema: dict[str, Any]) -> None:
    assert schema["description"].rstrip().endswith("."), key
    assert [value for value in list_values(schema) if not Draft202012Validator(schema).is_valid(value)] == []


@pytest.mark.parametrize("key", sorted(ALL_STAGE_KEYS - COMMON_STAGE_KEYS))
def test_a_key_of_some_kinds_names_them(key: str) -> None:
    kinds = list_kinds(key)

    assert set(kinds) == {kind for kind in StageKind if key in STAGE_KEYS[kind]}
    assert STAGE["properties"][key]["description"].endswith("For stages of kind " + ", ".join(f"`{kind}`" for kind in kinds) + ".")


@pytest.mark.parametrize("kind", StageKind)
@pytest.mark.parametrize("key", sorted(ALL_STAGE_KEYS - COMMON_STAGE_KEYS))
def test_a_stage_has_only_the_keys_of_its_kind(kind: StageKind, key: str) -> None:
    whole: dict[str, Any] = {"name": "a", "kind": kind.value} | WORK.get(kind, {})
    value = next(list_values(STAGE["properties"][key]), True)

    assert VALIDATOR.is_valid({"name": "p", "stages": [whole]})
    assert VALIDATOR.is_valid({"name": "p", "stages": [whole | {key: value}]}) is (key in STAGE_KEYS[kind])


def test_the_document_is_a_schema_of_draft_2020_12() -> None:
    document = build_schema_document("https://headgate.example/team")

    Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == "https://headgate.example/team/schemas/pipeline.json"
    assert "allOf" not in DEFINITION
