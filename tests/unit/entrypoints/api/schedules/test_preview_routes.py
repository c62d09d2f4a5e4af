"""The next times of a schedule, stored or not."""

from typing import Any

import pytest

from tests.support.builders import some_stages
from tests.support.in_process import InProcessHeadgate

NIGHTLY = {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}


async def preview(**body: Any) -> Any:
    return await InProcessHeadgate().client.post("/schedules/preview", json=body)


async def test_a_preview_shows_local_times_and_clock_changes() -> None:
    answer = await preview(cron="30 2 * * *", timezone="Europe/Berlin", count=2, after="2026-03-28T12:00:00Z")

    assert answer.status_code == 200
    assert answer.json() == [
        {
            "at": "2026-03-29T01:00:00Z",
            "scheduled_for": "2026-03-29T01:00:00Z",
            "local": "2026-03-29T03:00:00+02:00",
            "note": "moved by the clock change: 02:30 does not exist on 2026-03-29",
        },
        {
            "at": "2026-03-30T00:30:00Z",
            "scheduled_for": "2026-03-30T00:30:00Z",
            "local": "2026-03-30T02:30:00+02:00",
            "note": None,
        },
    ]


@pytest.mark.parametrize(
    ("body", "times"),
    [
        ({"every": "15m"}, ["09:15", "09:30", "09:45", "10:00", "10:15"]),
        ({"every": 900, "offset": "5m", "count": 1}, ["09:05"]),
        ({"at": "2026-03-02T12:00"}, ["12:00"]),
        ({"at": "2026-03-02T08:00"}, []),
        ({"cron": "@hourly", "end": "2026-03-02T11:00", "after": None}, ["10:00", "11:00"]),
        ({"cron": "0 * * * *", "count": 2, "after": "2026-03-02T10:00:00Z"}, ["11:00", "12:00"]),
    ],
)
async def test_every_kind_of_schedule_is_previewed(body: dict[str, Any], times: list[str]) -> None:
    answer = await preview(**body)

    assert [tick["at"][11:16] for tick in answer.json()] == times


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"cron": "0 30 2 * * *"}, "cron", "not six or seven"),
        ({"cron": "61 2 * * *"}, "cron", "has an invalid minute, 61"),
        ({"cron": "0 0 31 2 *"}, "cron", "matches no day"),
        ({"cron": "@daily", "timezone": "Mars"}, "timezone", "there is no time zone Mars"),
        ({"every": "1s"}, "every", "at least 5 s"),
        ({"cron": "@daily", "every": 60}, "every", "cannot be combined with cron"),
        ({}, "cron", "exactly one of cron, every or at"),
        ({"cron": "@daily", "count": 0}, "count", "from 1 to 100"),
        ({"cron": "@daily", "count": 101}, "count", "from 1 to 100"),
        ({"cron": "@daily", "after": "now"}, "after", "RFC 3339"),
        ({"cron": "@daily", "after": 5}, "after", "RFC 3339"),
        ({"cron": "@daily", "name": "nightly"}, "name", "unknown key"),
    ],
)
async def test_an_invalid_preview_names_its_field(body: dict[str, Any], field: str, message: str) -> None:
    answer = await preview(**body)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]


async def test_the_next_times_of_a_pipelines_schedule_include_its_jitter() -> None:
    headgate = InProcessHeadgate()
    schedules = [NIGHTLY, {**NIGHTLY, "name": "spread", "jitter": "10m"}]
    await headgate.application.create_pipeline()({"name": "flights", "stages": some_stages(1), "schedules": schedules})

    plain, spread = [
        (await headgate.client.get(f"/pipelines/flights/schedules/{name}/next?count=3")).json() for name in ("nightly", "spread")
    ]

    assert [tick["at"] for tick in plain] == ["2026-03-03T01:30:00Z", "2026-03-04T01:30:00Z", "2026-03-05T01:30:00Z"]
    assert [tick["scheduled_for"] for tick in spread] == [tick["at"] for tick in plain]
    assert all(tick["scheduled_for"] <= tick["at"] < tick["scheduled_for"].replace("01:30", "01:40") for tick in spread)
    assert len({tick["at"][14:] for tick in spread}) == 3


async def test_a_tick_that_was_decided_does_not_come_again_when_the_clock_is_set_back() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()({"name": "flights", "stages": some_stages(1), "schedules": [{"name": "a", "every": "1h"}]})
    headgate.fakes.clock.advance(3_600)
    await headgate.application.tick_service().run_once()
    headgate.fakes.clock.advance(-1_800)

    (tick,) = (await headgate.client.get("/pipelines/flights/schedules/a/next?count=1")).json()
    (schedule,) = (await headgate.client.get("/pipelines/flights/schedules")).json()
    (asked,) = (await headgate.client.get("/pipelines/flights/schedules/a/next?count=1&after=2026-03-02T09:00:00Z")).json()

    assert tick["at"] == schedule["next_at"] == "2026-03-02T11:00:00Z"
    assert asked["at"] == "2026-03-02T10:00:00Z"


async def test_an_unknown_schedule_or_pipeline_is_not_found() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()({"name": "flights", "stages": some_stages(1), "schedules": [NIGHTLY]})

    schedule, pipeline = [
        await headgate.client.get(f"/pipelines/{path}/next") for path in ("flights/schedules/other", "x/schedules/nightly")
    ]

    assert (schedule.status_code, pipeline.status_code) == (404, 404)
    assert schedule.json()["detail"] == "There is no schedule other in pipeline flights."
