"""A definition as text: it is read back as the same definition, and no default is written into it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from application.queries.views.pipelines import RevisionWithSource
from domain.pipelines import parsing
from entrypoints.definitions.definition_text import format_definition, get_revision_text
from entrypoints.definitions.yaml_reader import parse_definition
from tests.support.builders import NOW

EXAMPLES = sorted(Path(__file__).resolve().parents[4].glob("examples/*/*.yaml"))
SECONDS = st.sampled_from([0.5, 1, 90, 3_600, 86_400, "15m", "24h", "7d"])
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30)
NAME = st.sampled_from(["yes", "null", "n", "on", "a1", "x.y", "e-1", "No", "True", "load", "extract"])
VARIABLES = st.dictionaries(st.sampled_from(["A", "PATH", "x_1"]), TEXT, max_size=2)
PATH = st.sampled_from([".venv", "/opt/team/bin/python3.12", "with a space/venv"])
REPEATED = {"retries": st.integers(0, 3), "retry_delay": st.sampled_from([0, 0.5, 5, "1m"]), "retry_on_loss": st.booleans()}
COMMON = {
    "timeout": SECONDS,
    "allow_failure": st.booleans(),
    "when": st.sampled_from(["completed", "always", "failed"]),
    "needs": st.just([]),
}
PROGRAM = {**COMMON, **REPEATED, "env": VARIABLES, "workdir": TEXT}
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "command": ({"command": st.lists(TEXT, min_size=1, max_size=3)}, PROGRAM),
    "shell": ({"kind": st.just("command"), "command": TEXT, "shell": st.just(True)}, PROGRAM),
    "python": ({"callable": st.just("package.module:main")}, {**PROGRAM, "python": PATH}),
    "external": ({}, COMMON),
    "approval": (
        {},
        {**COMMON, "approvers": st.lists(st.sampled_from(["ann", "operator"]), max_size=2), "message": TEXT, "hold": st.booleans()},
    ),
    "http": (
        {"url": st.just("https://shop.example/orders")},
        {**COMMON, **REPEATED, "method": st.sampled_from(["GET", "POST"]), "expected": st.sampled_from([[200], [200, 204]])},
    ),
    "prefect": (
        {"deployment": st.just("ml/train")},
        {**COMMON, **REPEATED, "parameters": st.just({"n": 1}), "on_cancel": st.sampled_from(["cancel", "leave"])},
    ),
}
SCHEDULE = st.fixed_dictionaries(
    {"name": st.just("nightly"), "cron": st.sampled_from(["30 2 * * *", "@daily"])},
    optional={
        "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "jitter": st.sampled_from([0, 60, "2m"]),
        "catch_up": st.sampled_from(["latest", "none"]),
        "overlap": st.sampled_from(["skip", "queue_one"]),
        "catch_up_window": SECONDS,
    },
)


def stages(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    required, optional = KINDS[kind]
    return st.fixed_dictionaries({"name": NAME, "kind": st.just(kind), **required}, optional=optional)


DEFINITIONS = st.fixed_dictionaries(
    {
        "name": NAME,
        "stages": st.lists(st.sampled_from(sorted(KINDS)).flatmap(stages), min_size=1, max_size=4, unique_by=lambda stage: stage["name"]),
    },
    optional={
        "description": TEXT,
        "python": PATH,
        "parallelism": st.sampled_from([1, 16]),
        "pool": st.sampled_from(["headgate", "gpu"]),
        "priority": st.sampled_from([0, 5]),
        "tags": st.sampled_from([[], ["etl"], ["etl", "no"]]),
        "env": VARIABLES,
        "concurrency": st.sampled_from([[], [{"limit": 1}], [{"limit": 2, "when_full": "skip"}], [{"group": "db", "limit": 3}]]),
        "parameters": st.just({"type": "object", "properties": {"month": {"type": "integer", "default": 0}}}),
    },
)


def remove_defaults(definition: parsing.PipelineDefinition, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the raw definition without the keys that can be left out of it, one by one, with the same meaning."""
    kept = dict(raw)
    for key in raw:
        shorter = {name: value for name, value in kept.items() if name != key}
        if key not in ("name", "stages") and parsing.parse_definition(shorter) == definition:
            kept = shorter
    return kept


def assert_text_is_short(definition: parsing.PipelineDefinition) -> None:
    text = format_definition(definition)
    raw = parse_definition(text)

    assert parsing.parse_definition(raw) == definition
    assert remove_defaults(definition, raw) == raw
    for index, stage in enumerate(raw["stages"]):
        for key in stage.keys() - {"name", "kind"}:
            shorter = {name: value for name, value in stage.items() if name != key}
            without = {**raw, "stages": [*raw["stages"][:index], shorter, *raw["stages"][index + 1 :]]}
            assert not is_same(without, definition), f"{key} is written although it is the default:\n{text}"
    for index, schedule in enumerate(raw.get("schedules", ())):
        for key in schedule.keys() - {"name"}:
            shorter = {name: value for name, value in schedule.items() if name != key}
            schedules = [*raw["schedules"][:index], shorter, *raw["schedules"][index + 1 :]]
            assert not is_same({**raw, "schedules": schedules}, definition), f"{key} is written although it is the default:\n{text}"


def is_same(raw: object, definition: parsing.PipelineDefinition) -> bool:
    try:
        return parsing.parse_definition(raw) == definition
    except parsing.InvalidInput:
        return False


@given(DEFINITIONS)
def test_a_definition_is_read_back_from_its_text_which_has_no_defaults(raw: dict[str, Any]) -> None:
    try:
        definition = parsing.parse_definition(raw)
    except parsing.InvalidInput:
        return  # a key that does not fit, such as the limit of a group without a stage that uses it

    assert_text_is_short(definition)


@given(st.lists(SCHEDULE, min_size=1, max_size=1))
def test_schedules_are_read_back_from_their_text_which_has_no_defaults(schedules: list[dict[str, Any]]) -> None:
    assert_text_is_short(parsing.parse_definition({"name": "p", "stages": [{"name": "a", "command": ["x"]}], "schedules": schedules}))


@pytest.mark.parametrize("path", EXAMPLES, ids=[f"{path.parent.name}/{path.name}" for path in EXAMPLES])
def test_every_example_is_read_back_from_its_text(path: Path) -> None:
    for raw in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        assert_text_is_short(parsing.parse_definition(raw))


def test_the_text_of_a_revision_is_the_one_that_its_author_wrote() -> None:
    definition = parsing.parse_definition({"name": "p", "stages": [{"name": "a", "kind": "external"}]})

    written = RevisionWithSource(1, definition, NOW, source="# mine\nname: p\n")
    made_of_values = RevisionWithSource(1, definition, NOW)

    assert get_revision_text(written) == "# mine\nname: p\n"
    assert get_revision_text(made_of_values) == "name: p\nstages:\n- {name: a, kind: external}\n"
