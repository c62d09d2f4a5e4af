"""The environment of a whole pipeline reaches each stage that has one, and can be read, written back and compared."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from domain.pipelines.field_parser import MAX_TEXT_LENGTH
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.definition_text import format_definition
from entrypoints.definitions.revision_diff import diff_revisions
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

ENV = {"REGION": "eu", "LEVEL": "info"}


def a_raw_definition(**keys: Any) -> dict[str, Any]:
    return {"name": "nightly", "stages": [a_stage("a")], **keys}


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (a_stage("a"), ENV),
        (a_stage("a", "python"), ENV),
        (a_stage("a", env={"LEVEL": "debug"}), {"REGION": "eu", "LEVEL": "debug"}),
        (a_stage("a", env={"OTHER": ""}), {**ENV, "OTHER": ""}),
        (a_stage("a", env={"LEVEL": ""}), {"REGION": "eu", "LEVEL": ""}),
        ({"name": "a", "kind": "http", "url": "https://example.com"}, None),
    ],
)
async def test_a_stage_gets_the_pipelines_environment_under_its_own(stage: dict[str, Any], expected: dict[str, str] | None) -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()(a_raw_definition(stages=[stage], env=ENV), None)
    run_id = (await headgate.use_cases.trigger("nightly")).run_id

    claim = await headgate.use_cases.claim(run_id)

    assert claim.starts[0].spec.get("env") == expected


async def test_the_api_returns_the_environment_that_it_was_given() -> None:
    headgate = InProcessHeadgate()
    created = await headgate.client.post("/pipelines/", json=a_raw_definition(env=ENV))
    refused = await headgate.client.post("/pipelines/", json=a_raw_definition(name="other", env={"HEADGATE_URL": "x"}))
    read = await headgate.client.get("/pipelines/nightly")
    schema = (await headgate.client.get("/openapi.json")).json()["components"]["schemas"]["PipelineDefinitionRequest"]

    assert (created.status_code, created.json()["env"], read.json()["env"]) == (201, ENV, ENV)
    assert created.json()["stages"][0]["env"] == {}
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "env")
    variable = {"type": "string", "maxLength": MAX_TEXT_LENGTH, "pattern": "^[^\\u0000]*$"}
    assert schema["properties"]["env"]["anyOf"][0]["additionalProperties"] == variable


def test_the_environment_survives_yaml_and_is_left_out_if_empty() -> None:
    definition = parse_definition(a_raw_definition(env={"REGION": "eu", "TEXT": "two\nlines: ✓"}))

    text = format_definition(definition)

    assert parse_definition(yaml.safe_load(text)) == definition
    assert "env" not in yaml.safe_load(format_definition(parse_definition(a_raw_definition())))


def test_a_changed_environment_is_named_in_the_comparison_of_revisions() -> None:
    before, after = (serialize_pipeline(parse_definition(a_raw_definition(env=env))) for env in ({"A": "1"}, {"A": "2"}))

    assert diff_revisions(before, after) == ['changed env {"A": "1"} → {"A": "2"}']
