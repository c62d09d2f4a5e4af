"""The schema accepts all that the parser accepts. It refuses what the parser refuses, as far as a schema can express it."""

from __future__ import annotations

import json
from copy import deepcopy
from itertools import chain
from typing import Any, Final

import jsonschema_rs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.schema.document import build_schema_document
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_documents
from tests.support.builders import a_stage
from tests.support.page_blocks import read_blocks
from tests.support.paths import ROOT
from tests.unit.domain.alerts.test_parsing import REFUSED as RULES
from tests.unit.domain.concurrency.test_parsing import ACCEPTED as LIMITS_ACCEPTED
from tests.unit.domain.concurrency.test_parsing import REFUSED as LIMITS
from tests.unit.domain.pipelines.test_parsing import INVALID as PIPELINES
from tests.unit.domain.schedules.test_parsing import REFUSED as SCHEDULES

VALIDATOR = jsonschema_rs.Draft202012Validator(build_schema_document("http://127.0.0.1:8000"))

REPEATED: Final[dict[str, Any]] = {"retries": 2, "retry_delay": "1m30s", "retry_on_loss": True, "uses": ["website"]}
COMMON: Final[dict[str, Any]] = {"needs": [], "timeout": "2h", "allow_failure": True, "when": "always"}
PROGRAM: Final[dict[str, Any]] = {**COMMON, **REPEATED, "env": {"A": "1"}, "secrets": {"TOKEN": "HEADGATE_X"}, "workdir": "jobs"}
STAGES: Final[list[dict[str, Any]]] = [
    {"name": "command", "kind": "command", "command": ["true", ""], **PROGRAM},
    {"name": "shell", "command": "a | b", "shell": True, "secrets": ["TOKEN"]},
    {"name": "python", "kind": "python", "callable": "jöbs.load:main", "python": ".venv", **PROGRAM},
    {
        "name": "http",
        "kind": "http",
        "url": "HTTPS://[::1]:8080/a?b=c",
        "method": "POST",
        "query": {"a": 1, "b": True, "c": {"parameter": "day"}, "d": "x"},
        "headers": {"X-A": "b", "Authorization": {"secret": "TOKEN", "prefix": "Bearer "}},
        "body": {"a": [{"parameter": "b"}]},
        "expected": [200, 404],
        "max_bytes": 1,
        **COMMON,
        **REPEATED,
    },
    {"name": "prefect", "deployment": "ml/train", "parameters": {"a": [1]}, "on_cancel": "leave", **COMMON, **REPEATED},
    {"name": "external", "kind": "external", **COMMON},
    {"name": "approval", "kind": "approval", "approvers": ["ada"], "message": "Go?", "fields": {"type": "object"}, "hold": True, **COMMON},
]
RULE: Final[dict[str, Any]] = {
    "name": "r",
    "on": ["failed", "lost"],
    "after": 2,
    "to": ["team", {"channel": "pager", "after": "30m"}],
    "remind": "1m",
    "recovery": False,
    "quiet": {"timezone": "Europe/Berlin", "from": "22:00", "to": "07:00", "except": ["pager"]},
}
WHOLE: Final[dict[str, Any]] = {
    "name": "whole",
    "description": "d",
    "tags": ["etl"],
    "parallelism": 4,
    "parameters": {"type": "object"},
    "env": {"A_b": "1"},
    "python": "/opt/team/bin/python3.12",
    "concurrency": [{"limit": 1, "when_full": "skip"}, {"limit": 2, "key": {"parameter": "a b"}}, {"group": "g", "limit": None}],
    "priority": -100,
    "pool": "gpu",
    "stages": STAGES,
    "schedules": [
        {
            "name": "a",
            "cron": " 30\t2 * * MON ",
            "timezone": "Europe/Berlin",
            "start": "2026-12-01",
            "end": "2026-12-31 12:00",
            "skip": ["2026-12-25"],
            "jitter": "5m",
            "parameters": {"day": {"tick": "date", "offset": "-1d"}},
            "catch_up": "none",
            "catch_up_window": 0,
            "overlap": "allow",
        },
        {"name": "b", "every": "5.0s", "offset": 1.0},
        {"name": "c", "at": "2026-12-24T18:00:00+01:00", "cron": None, "skip": []},
        {"name": "d", "cron": "@daily", "every": None, "offset": None},
    ],
    "alerts": [RULE],
}
EXPECTED: Final[dict[str, Any]] = {
    "name": "expected",
    "stages": [{"name": "a", "kind": "external"}],
    "expect": [{"cron": "@daily", "grace": "5m", "max_duration": "0.5s"}, {"every": 60, "offset": "1s"}],
    "schedules": [],
}
SMALL: Final[list[dict[str, Any]]] = [WHOLE | {"stages": STAGES[1:2]}, EXPECTED, *({"name": "p", "stages": [stage]} for stage in STAGES)]
ODD_VALUES: Final[list[Any]] = yaml.safe_load(r"""
- [null, true, false, 0, 1, -1, 1.0, 0.5, 60, 101, 10001, 1099511627776]
- ["", " ", a, A, a b, ä, "\ufeff", "a\n", 5m, 0s, 400d, "null", "1"]
- ["@daily", "2026-12-24", "2026-12-24T18:00", UTC, HEADGATE_A, "22:00", command, external, skip, "http://a", a/b, "a:b"]
- [[], [""], [a], [a, a], [null], [1], {}, {a: b}, {a: null}, {parameter: a}, {secret: a}, {limit: 1}, {cron: "@daily"}]
""")
KEYS: Final = ["name", "kind", "shell", "env", "secrets", "url", "offset", "at", "hold", "limit", "group", "key", "expect", "typo"]

INEXPRESSIBLE: Final = {
    # What JSON and PostgreSQL cannot store, at any depth of a free value
    *("NUL in the parameters", "half a surrogate pair in a parameter's name", "NaN in the parameters", "NaN in a flow run's parameters"),
    *("an integer past 64 bits in the parameters", "a date in the parameters", "NUL in a flow run's parameters", "NaN as a parameter"),
    # One value depends on another one
    *("two stages of one name", "a cycle", "a stage that needs itself", "an unknown need", "a repeated name", "a channel twice"),
    *("another channel", "the pipeline twice", "a group twice", "a key twice", "uses of a group that the run holds"),
    *("an offset as long as the interval", "an end before the start", "a jitter past the interval"),
    # Upper limits of durations as text
    *("every two years", "a long jitter"),
    # Fields of cron, names of time zones, days of the calendar, values of a tick at any depth
    *("H", "H with a range", "a step in a range of one value", "an unknown zone", "a zone that is a folder", "a zone that leads elsewhere"),
    *("an at that does not exist", "an unknown value of the tick", "an unknown offset of the tick"),
}
REFUSED: Final[dict[str, Any]] = {
    **{name: case[0] for name, case in PIPELINES.items()},
    **{name: case[0] for name, case in SCHEDULES.items() if name not in PIPELINES},
    **{name: case[0] for name, case in LIMITS.items() if name not in PIPELINES and name not in SCHEDULES},
    **{
        f"rule: {name}": {"name": "p", "stages": [a_stage()], "alerts": [{"on": ["failed"], "to": ["team"], **case[0]}]}
        for name, case in RULES.items()
    },
}


def list_places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all values within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, part in inner for place in list_places(part, (*path, key))]


@st.composite
def changed_definitions(draw: st.DrawFn) -> dict[str, Any]:
    """Return a valid definition in which a few values are replaced, removed or added."""
    definition: dict[str, Any] = deepcopy(draw(st.sampled_from([WHOLE, *SMALL])))
    for _ in range(draw(st.integers(0, 2))):
        *parents, key = draw(st.sampled_from(list_places(definition)))
        holder: Any = definition
        for parent in parents:
            holder = holder[parent]
        match draw(st.sampled_from(["replace", "replace", "remove", "add"])):
            case "replace":
                holder[key] = deepcopy(draw(st.sampled_from(ODD_VALUES).flatmap(st.sampled_from)))
            case "remove":
                del holder[key]
            case _ if isinstance(holder, dict):
                holder[draw(st.sampled_from(KEYS))] = deepcopy(draw(st.sampled_from(ODD_VALUES).flatmap(st.sampled_from)))
        if not list_places(definition):
            break
    return definition


def is_accepted(definition: object) -> bool:
    try:
        parse_definition(definition)
    except InvalidInput:
        return False
    return True


def read_valid(text: str) -> list[dict[str, Any]]:
    """Return the definitions in a text that the parser accepts; none if it refuses one."""
    try:
        documents = parse_documents(text)
    except InvalidDefinitionText:
        return []
    return documents if all(map(is_accepted, documents)) else []


def find_faults(definition: Any) -> list[str]:
    return [f"{error.instance_path}: {error.message}" for error in VALIDATOR.iter_errors(definition)]


@given(changed_definitions())
def test_the_schema_accepts_every_text_that_the_parser_accepts(definition: dict[str, Any]) -> None:
    texts = [yaml.safe_dump(definition, allow_unicode=True, sort_keys=False), json.dumps(definition)]

    assert [find_faults(document) for text in texts for document in read_valid(text) if find_faults(document)] == []


@pytest.mark.parametrize("definition", SMALL, ids=lambda definition: definition["stages"][0]["name"])
def test_both_accept_the_same_odd_values_of_each_key(definition: dict[str, Any]) -> None:
    faults = []
    for *parents, key in list_places(definition):
        changed = deepcopy(definition)
        holder: Any = changed
        for parent in parents:
            holder = holder[parent]
        for value in chain.from_iterable(ODD_VALUES):
            holder[key] = value
            if is_accepted(changed) and find_faults(changed):
                faults.append((parents, key, value))

    assert faults == []


@pytest.mark.parametrize("definition", [WHOLE, EXPECTED], ids=["whole", "expected"])
def test_both_accept_every_key_and_the_serialized_form(definition: dict[str, Any]) -> None:
    parsed = parse_definition(definition)

    assert find_faults(definition) == []
    assert find_faults(serialize_pipeline(parsed)) == []


@pytest.mark.parametrize("definition", [case[0] for case in LIMITS_ACCEPTED.values()], ids=LIMITS_ACCEPTED.keys())
def test_the_schema_accepts_the_limits_that_the_parser_accepts(definition: dict[str, Any]) -> None:
    assert find_faults(definition) == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/*.yaml")), ids=lambda path: path.name)
def test_the_schema_accepts_the_examples(path: Any) -> None:
    definitions = read_valid(path.read_text())

    assert definitions
    assert [find_faults(definition) for definition in definitions if find_faults(definition)] == []


@pytest.mark.parametrize("page", ["docs/how-to/write-a-pipeline.md", "docs/how-to/add-workers.md", "docs/tutorial.md"])
def test_the_schema_accepts_the_definitions_of_the_docs(page: str) -> None:
    definitions = [definition for block in read_blocks(page) if block.language == "yaml" for definition in read_valid(block.text)]

    assert definitions
    assert [find_faults(definition) for definition in definitions if find_faults(definition)] == []


@pytest.mark.parametrize("name", REFUSED)
def test_the_schema_refuses_what_the_parser_refuses_if_it_can_be_expressed(name: str) -> None:
    definition = REFUSED[name]
    try:
        is_refused = bool(find_faults(definition))
    except UnicodeEncodeError:
        is_refused = True  # a text that is no text for the validator

    assert is_refused is (name.removeprefix("rule: ") not in INEXPRESSIBLE)
