"""Schedules and expectations as YAML, and what changed in them between two revisions."""

from typing import Any

import pytest

from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from entrypoints.definitions.definition_text import format_definition
from entrypoints.definitions.revision_diff import diff_revisions
from entrypoints.definitions.yaml_reader import InvalidDefinitionText
from entrypoints.definitions.yaml_reader import parse_definition as parse_text
from tests.support.builders import a_definition, a_stage

NIGHTLY = {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
WHOLE = {**NIGHTLY, "start": "2026-12-01", "end": "2026-12-31T12:00", "skip": ["2026-12-25"], "jitter": "90s", "catch_up": "none"}
WHOLE |= {"parameters": {"day": {"tick": "date", "offset": "-1d"}}, "catch_up_window": "6h", "overlap": "cancel_running"}
EVERY = {"name": "often", "every": "15m", "offset": "5m"}
ONCE = {"name": "once", "at": "2026-12-24T18:00"}


def with_schedules(*schedules: dict[str, Any]) -> PipelineDefinition:
    return a_definition(stages=1, schedules=list(schedules))


def with_expectations(*expectations: dict[str, Any]) -> PipelineDefinition:
    return a_definition(stages=[a_stage("a", "external")], expect=list(expectations))


@pytest.mark.parametrize(
    "definition",
    [
        with_schedules(NIGHTLY, WHOLE | {"name": "whole"}, EVERY, ONCE),
        with_expectations({"cron": "@daily"}, {"every": 3_600, "grace": 60, "max_duration": "2h"}),
    ],
    ids=["schedules", "expectations"],
)
def test_the_text_of_a_definition_is_read_as_an_equal_one(definition: PipelineDefinition) -> None:
    assert parse_definition(parse_text(format_definition(definition))) == definition


def test_the_text_leaves_defaults_out_and_has_durations_as_people_write_them() -> None:
    text = format_definition(with_schedules(NIGHTLY, EVERY))

    assert text.endswith(
        "schedules:\n- {name: nightly, cron: 30 2 * * *, timezone: Europe/Berlin}\n- {name: often, every: 15m, offset: 5m}\n"
    )
    assert "schedules" not in format_definition(with_schedules())


def test_dates_and_times_need_no_quotes() -> None:
    text = "name: p\nstages: [{name: a, command: ['true']}]\nschedules:\n- name: once\n  at: 2026-12-24T18:00\n"
    text += "- name: nightly\n  cron: 30 2 * * *\n  start: 2026-12-01\n  skip: [2026-12-25]\n  jitter: 2m\n"

    once, nightly = parse_definition(parse_text(text)).schedules

    assert (once.recurrence.at is not None, nightly.start is not None, len(nightly.skip), nightly.jitter) == (True, True, 1, 120.0)


def test_another_type_is_named_with_its_line() -> None:
    with pytest.raises(InvalidDefinitionText) as error:
        parse_text("name: p\nstages: [{name: a, command: ['true']}]\nschedules:\n- {name: a, cron: 5}\n")

    assert str(error.value) == "line 4, column 19: schedules[0].cron is the number 5: put it in quotes"


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (with_schedules(), with_schedules(NIGHTLY), ["added schedule nightly"]),
        (with_schedules(NIGHTLY, EVERY), with_schedules(NIGHTLY), ["removed schedule often"]),
        (with_schedules(EVERY), with_schedules({**EVERY, "every": "20m"}), ["changed schedule often (every 900 s → 1200 s)"]),
        (
            with_schedules(NIGHTLY),
            with_schedules({**NIGHTLY, "cron": "0 3 * * *", "overlap": "allow"}),
            ['changed schedule nightly (cron "30 2 * * *" → "0 3 * * *", overlap "skip" → "allow")'],
        ),
        (with_expectations(), with_expectations({"cron": "@daily"}), ["changed expect"]),
    ],
)
def test_a_changed_schedule_is_named(before: PipelineDefinition, after: PipelineDefinition, changes: list[str]) -> None:
    assert diff_revisions(serialize_pipeline(before), serialize_pipeline(after)) == changes


def test_revisions_of_older_versions_have_no_schedules() -> None:
    old = {key: value for key, value in serialize_pipeline(with_schedules()).items() if key not in ("schedules", "expect")}

    assert diff_revisions(old, serialize_pipeline(with_schedules(NIGHTLY))) == ["added schedule nightly"]
    assert diff_revisions(old, serialize_pipeline(with_schedules())) == []
