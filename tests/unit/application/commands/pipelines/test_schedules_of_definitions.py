"""Schedules when pipelines are created and changed: what needs the ports and the time."""

from typing import Any

import pytest

from domain.errors import InvalidInput
from tests.support.builders import some_stages
from tests.support.in_process import InProcessHeadgate

SCHEMA = {"type": "object", "required": ["day"], "properties": {"day": {"type": "string"}}}


def a_raw_definition(*schedules: Any, **keys: Any) -> dict[str, Any]:
    return {"name": "nightly", "stages": some_stages(1), "schedules": list(schedules), **keys}


def at(time: str, name: str = "once", **keys: Any) -> dict[str, Any]:
    return {"name": name, "at": time, **keys}


async def get_problems(headgate: InProcessHeadgate, raw: object) -> list[tuple[str, str]]:
    """Return the problems of creating a pipeline, which must store nothing."""
    with pytest.raises(InvalidInput) as error:
        await headgate.application.create_pipeline()(raw)
    assert await headgate.fakes.reader.pipelines(0, 10) == []
    return [(problem.field, problem.message) for problem in error.value.problems]


async def test_a_cron_expression_is_validated_with_its_position() -> None:
    schedules = [{"name": "a", "cron": "@daily"}, {"name": "b", "cron": "61 * * * *", "jitter": "1m"}]
    ((field, message),) = await get_problems(InProcessHeadgate(), a_raw_definition(*schedules))

    assert (field, message.startswith("has an invalid minute, 61")) == ("schedules[1].cron", True)


async def test_the_cron_expression_of_an_expectation_is_validated() -> None:
    raw = {"name": "p", "stages": [{"name": "a", "kind": "external"}], "expect": [{"cron": "0 0 31 2 *"}]}

    assert await get_problems(InProcessHeadgate(), raw) == [("expect[0].cron", "matches no day: its months do not have that many days")]


async def test_a_jitter_must_not_reach_the_next_tick() -> None:
    raw = a_raw_definition({"name": "a", "cron": "*/5 * * * *", "jitter": "5m"})

    assert await get_problems(InProcessHeadgate(), raw) == [("schedules[0].jitter", "must be less than 5m, the time between two ticks")]


async def test_the_parameters_of_a_schedule_must_match_the_schema() -> None:
    headgate = InProcessHeadgate()
    daily = {"name": "a", "cron": "@daily"}

    wrong = await get_problems(headgate, a_raw_definition({**daily, "parameters": {"day": {"tick": "timestamp"}}}, parameters=SCHEMA))
    missing = await get_problems(headgate, a_raw_definition(daily, parameters=SCHEMA))
    unknown = await get_problems(headgate, a_raw_definition({**daily, "parameters": {"day": "x"}}))
    await headgate.application.create_pipeline()(
        a_raw_definition({**daily, "parameters": {"day": {"tick": "date", "offset": "-1d"}}}, parameters=SCHEMA)
    )

    assert [field for field, _ in wrong] == ["schedules[0].parameters.day"]
    assert [field.startswith("schedules[0].parameters") for field, _ in missing] == [True]
    assert unknown == [("schedules[0].parameters", "this pipeline takes no parameters")]


async def test_a_new_time_in_the_past_is_refused() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.clock.set(headgate.fakes.clock.now().replace(hour=12))

    assert await get_problems(headgate, a_raw_definition(at("2026-03-02T12:00"))) == [
        ("schedules[0].at", "is in the past: write a later time, or remove the schedule")
    ]


async def test_a_time_that_has_passed_since_it_was_stored_stays_valid_until_it_changes() -> None:
    headgate = InProcessHeadgate()
    change = headgate.application.change_pipeline()
    created = await headgate.application.create_pipeline()(a_raw_definition(at("2026-03-02T09:00:01")))
    headgate.fakes.clock.advance(3_600)

    same = await change(created.id, a_raw_definition(at("2026-03-02T09:00:01")))
    described = await change(created.id, a_raw_definition(at("2026-03-02T09:00:01", overlap="allow"), description="new"))
    with pytest.raises(InvalidInput) as changed:
        await change(created.id, a_raw_definition(at("2026-03-02T09:00:02")))
    with pytest.raises(InvalidInput) as renamed:
        await change(created.id, a_raw_definition(at("2026-03-02T09:00:01", "other")))

    assert (same.revision, described.revision) == (1, 2)
    assert [error.value.problems[0].field for error in (changed, renamed)] == ["schedules[0].at"] * 2


async def test_schedules_are_stored_with_the_definition() -> None:
    headgate = InProcessHeadgate()
    raw = a_raw_definition({"name": "a", "cron": "30 2 * * *", "timezone": "Europe/Berlin", "jitter": "2m"})
    created = await headgate.client.post("/pipelines/", json=raw)
    read = await headgate.client.get("/pipelines/nightly")

    (schedule,) = read.json()["schedules"]
    assert created.status_code == 201
    assert (schedule["cron"], schedule["timezone"], schedule["jitter"], schedule["overlap"]) == (
        "30 2 * * *",
        "Europe/Berlin",
        120.0,
        "skip",
    )
    assert read.json()["expect"] == []


async def test_a_refused_schedule_is_a_problem_of_the_request() -> None:
    answer = await InProcessHeadgate().client.post("/pipelines/", json=a_raw_definition({"name": "a", "cron": "0 30 2 * * *"}))

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["schedules[0].cron"]
