"""A pipeline's schedules."""

from tests.support.builders import some_stages
from tests.support.in_process import InProcessHeadgate

NIGHTLY = {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin", "jitter": "10m"}
HOURLY = {"name": "hourly", "every": "1h"}


async def test_schedules_say_what_they_do_and_when_they_fire_next() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()({"name": "flights", "stages": some_stages(1), "schedules": [NIGHTLY, HOURLY]})

    nightly, hourly = (await headgate.client.get("/pipelines/flights/schedules")).json()
    (next_tick, *_) = (await headgate.client.get(nightly["links"]["next"])).json()

    assert (nightly["name"], nightly["words"]) == ("nightly", "At 02:30 every day, Europe/Berlin")
    assert (nightly["cron"], nightly["every"], nightly["overlap"], nightly["catch_up"]) == ("30 2 * * *", None, "skip", "latest")
    assert (nightly["paused"], nightly["last_tick"]) == (False, None)
    assert nightly["next_at"] == next_tick["at"] != next_tick["scheduled_for"]
    assert (hourly["words"], hourly["next_at"]) == ("Every hour", "2026-03-02T10:00:00Z")


async def test_the_last_tick_names_its_run() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()({"name": "flights", "stages": some_stages(1), "schedules": [HOURLY]})
    headgate.fakes.clock.advance(3_601)
    await headgate.application.tick_service().run_once()

    (schedule,) = (await headgate.client.get("/pipelines/flights/schedules")).json()

    tick = schedule["last_tick"]
    assert (tick["state"], tick["scheduled_for"], tick["reason"]) == ("fired", "2026-03-02T10:00:00Z", None)
    assert (await headgate.client.get(tick["links"]["run"])).json()["id"] == tick["run_id"]
    assert schedule["next_at"] == "2026-03-02T11:00:00Z"


async def test_a_pipeline_without_schedules_has_an_empty_list() -> None:
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()({"name": "flights", "stages": some_stages(1)})

    answers = [await headgate.client.get(f"/pipelines/{name}/schedules") for name in ("flights", "other")]

    assert [answer.status_code for answer in answers] == [200, 404]
    assert answers[0].json() == []
