"""The definitions of the examples are valid, and the files they refer to exist."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from domain.pipelines.parsing import parse_definition

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "examples").glob("*/pipeline.yaml"))


def load(path: Path) -> dict[str, Any]:
    definition: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return definition


def by_name(name: str) -> dict[str, Any]:
    return next(definition for definition in map(load, FILES) if definition["name"] == name)


def test_there_are_three_examples_with_different_names() -> None:
    assert sorted(load(path)["name"] for path in FILES) == ["backup-reported", "flights", "retries"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_the_definition_is_valid_as_written(path: Path) -> None:
    raw = load(path)

    read = parse_definition(raw)

    assert (read.name, [stage.name for stage in read.stages]) == (raw["name"], [stage["name"] for stage in raw["stages"]])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_every_stage_has_a_timeout(path: Path) -> None:
    assert all(stage.get("timeout", 0) > 0 for stage in load(path)["stages"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_needs_refer_to_earlier_stages_only(path: Path) -> None:
    above: set[str] = set()
    for stage in load(path)["stages"]:
        assert stage["name"] not in above
        assert set(stage.get("needs", [])) <= above
        above.add(stage["name"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_the_code_of_every_stage_exists(path: Path) -> None:
    for stage in load(path)["stages"]:
        match stage["kind"]:
            case "python":
                module, function = stage["callable"].split(":")
                assert callable(getattr(importlib.import_module(module), function))
            case "command" if not stage.get("shell"):
                assert all((ROOT / word).is_file() for word in stage["command"] if word.startswith("examples/"))
            case "external":
                assert not {"retries", "retry_on_loss", "command", "callable"} & set(stage)


def test_the_month_is_optional_and_between_one_and_twelve() -> None:
    schema = by_name("flights")["parameters"]
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    good = [{}, {"month": 1}, {"month": 12, "top": 16}]
    bad = [{"month": 0}, {"month": 13}, {"month": "July"}, {"moth": 7}, {"top": 0}]
    assert [validator.is_valid(parameters) for parameters in good + bad] == [True] * len(good) + [False] * len(bad)


def test_the_pipeline_that_runs_a_flow_is_valid_and_names_parameters_of_that_flow() -> None:
    from examples.prefect.daylight import daylight

    read = parse_definition(load(ROOT / "examples/prefect/daylight.yaml"))

    stage = read.stage("compute")
    assert stage is not None and stage.parameters is not None
    assert (stage.deployment, set(stage.parameters)) == (f"{daylight.name}/local", {"day", "cities"})
