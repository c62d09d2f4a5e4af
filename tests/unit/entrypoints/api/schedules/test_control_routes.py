"""Pause, resume and run schedules, and list their ticks, by the API. The clock starts on Monday 2026-03-02 at nine, UTC."""

from __future__ import annotations

from typing import Any

import pytest

from domain.access.permissions import Role
from tests.support.schedules import ScheduledHeadgate

PATH = "/pipelines/nightly/schedules"


@pytest.fixture
def headgate() -> ScheduledHeadgate:
    return ScheduledHeadgate()


async def get(headgate: ScheduledHeadgate, path: str = PATH) -> Any:
    answer = await headgate.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def post(headgate: ScheduledHeadgate, action: str, status: int = 200, **body: Any) -> Any:
    answer = await headgate.client.post(f"{PATH}/main/{action}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def list_audit(headgate: ScheduledHeadgate) -> list[tuple[str, str]]:
    return [(entry["deed"], entry["thing"]) for entry in reversed(await get(headgate, "/audit/")) if entry["deed"].startswith("schedule_")]


async def test_schedules_are_listed_with_their_next_time_and_last_tick(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(
        "nightly",
        {"name": "main", "cron": "0 * * * *", "timezone": "Europe/Berlin", "overlap": "queue_one"},
        {"name": "often", "every": "90m", "catch_up": "all"},
        {"name": "once", "at": "2026-03-02T09:10"},
    )
    before = await get(headgate)

    await headgate.pass_time(3_600, step=600)
    main, often, once = await get(headgate)

    assert [each["last_tick"] for each in before] == [None, None, None]
    assert [each["next_at"] for each in before] == ["2026-03-02T10:00:00Z", "2026-03-02T10:30:00Z", "2026-03-02T09:10:00Z"]
    assert (main["cron"], main["every"], main["timezone"], main["overlap"], main["catch_up"]) == (
        "0 * * * *",
        None,
        "Europe/Berlin",
        "queue_one",
        "latest",
    )
    assert (often["every"], often["next_at"], often["last_tick"]) == (5_400, "2026-03-02T10:30:00Z", None)
    assert (once["next_at"], once["last_tick"]["state"]) == (None, "fired")
    assert main["next_at"] == "2026-03-02T11:00:00Z"
    assert main["last_tick"]["links"]["run"] == f"/runs/{main['last_tick']['run_id']}"
    run = await get(headgate, main["last_tick"]["links"]["run"])
    assert (run["trigger"], run["actor"], run["scheduled_for"]) == ("schedule", "main", "2026-03-02T10:00:00Z")


async def test_a_schedule_is_paused_and_resumed_and_the_ticks_of_the_pause_are_recorded(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")

    paused = await post(headgate, "pause")
    again = await post(headgate, "pause")
    await headgate.pass_time(3 * 3_600, step=600)
    during = await get(headgate, "/ticks/")
    resumed = await post(headgate, "resume")
    await post(headgate, "resume")
    await headgate.pass_time(3_600, step=600)

    assert (paused["paused"], paused["next_at"]) == (True, None)
    assert (again, during) == (paused, [])
    assert (resumed["paused"], resumed["next_at"], resumed["last_tick"]["state"]) == (False, "2026-03-02T13:00:00Z", "paused")
    assert headgate.states == ["10:00 paused paused", "11:00 paused paused", "12:00 paused paused", "13:00 fired"]
    subject = "schedule main of pipeline nightly"
    assert await list_audit(headgate) == [("schedule_paused", subject), ("schedule_resumed", subject)]


async def test_resuming_may_run_the_latest_tick_or_all_of_them(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    await post(headgate, "pause")
    await headgate.pass_time(3 * 3_600, step=600)

    await post(headgate, "resume", catch_up="all")
    for _ in range(3):
        await headgate.pass_time(60)
        await headgate.end_runs()

    assert headgate.states == ["10:00 late paused", "11:00 late paused", "12:00 late paused"]
    await post(headgate, "pause")
    await headgate.pass_time(2 * 3_600, step=600)
    await post(headgate, "resume", catch_up="latest")
    await headgate.tick()
    assert headgate.states[3:] == ["13:00 paused paused", "14:00 late paused"]


async def test_a_pause_with_an_end_ends_by_itself(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")

    paused = await post(headgate, "pause", until="2026-03-02T11:30:00Z")
    await headgate.pass_time(3 * 3_600, step=600)

    assert paused["paused_until"] == "2026-03-02T11:30:00Z"
    (schedule,) = await get(headgate)
    assert (schedule["paused"], schedule["paused_until"]) == (False, None)
    assert headgate.states == ["10:00 paused paused", "11:00 paused paused", "12:00 fired"]


async def test_a_new_revision_does_not_resume_a_schedule(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    await post(headgate, "pause")

    await headgate.change_schedules("nightly", {"name": "main", "every": "30m"})
    await headgate.pass_time(3_600, step=600)

    (schedule,) = await get(headgate)
    assert schedule["paused"] is True
    assert headgate.ticks == []
    await post(headgate, "resume")
    assert headgate.states == ["09:30 paused paused", "10:00 paused paused"]


async def test_run_now_starts_a_run_that_the_next_tick_regards(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h", parameters={"day": {"tick": "datetime"}}, schema={"type": "object"})
    await post(headgate, "pause")

    started = await post(headgate, "run-now", status=202)
    await post(headgate, "resume")
    await headgate.pass_time(3_600)

    run = await get(headgate, f"/runs/{started['run_id']}")
    assert (run["trigger"], run["scheduled_for"], run["parameters"]) == ("api", None, {"day": "2026-03-02T09:00:00+00:00"})
    (tick,) = await get(headgate, "/ticks/")
    assert (tick["state"], tick["reason"], tick["message"]) == ("skipped", "overlap", f"Run {started['run_id']} was not over.")


async def test_an_idempotency_key_repeats_the_answer(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    key = {"Idempotency-Key": "one"}

    answers = [await headgate.client.post(f"{PATH}/main/run-now", headers=key) for _ in range(2)]
    pauses = [await headgate.client.post(f"{PATH}/main/pause", headers=key) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert len(headgate.runs) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in (*answers, *pauses)] == [None, "true", None, "true"]


async def test_ticks_are_listed_by_pages_and_filters(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules("nightly", every="30m", overlap="skip")
    await headgate.add_schedules("weekly", every="1h", overlap="allow")
    await headgate.pass_time(3 * 3_600, step=600)

    everything = await get(headgate, "/ticks/")
    first = await headgate.client.get("/ticks/?limit=4")
    skipped = await get(headgate, "/ticks/?pipeline=nightly&state=skipped")
    morning = await get(headgate, "/ticks/?pipeline=weekly&from=2026-03-02T10:00:00Z&to=2026-03-02T12:00:00Z")

    assert len(everything) == 9
    pages, link = [first.json()], first.headers["link"]
    while 'rel="next"' in link:
        page = await headgate.client.get(link.split(">")[0].lstrip("<"))
        pages.append(page.json())
        link = page.headers.get("link", "")
        link = link if 'rel="next"' in link.split(",")[0] else ""
    assert [tick for page in pages for tick in page] == everything
    assert [tick["scheduled_for"][11:16] for tick in skipped] == ["12:00", "11:30", "11:00", "10:30", "10:00"]
    assert [tick["scheduled_for"][11:16] for tick in morning] == ["11:00", "10:00"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/pipelines/unknown/schedules", 404),
        ("POST", "/pipelines/unknown/schedules/main/pause", 404),
        ("POST", f"{PATH}/unknown/pause", 404),
        ("POST", f"{PATH}/unknown/resume", 404),
        ("POST", f"{PATH}/unknown/run-now", 404),
        ("GET", "/ticks/?pipeline=unknown", 404),
        ("GET", "/ticks/?state=lost", 422),
        ("GET", "/ticks/?from=yesterday", 422),
        ("GET", "/ticks/?cursor=x", 422),
    ],
)
async def test_what_does_not_exist_is_named(headgate: ScheduledHeadgate, method: str, path: str, status: int) -> None:
    await headgate.add_schedules(every="1h")

    answer = await headgate.client.request(method, path)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("body", [{"until": "2026-03-01T00:00:00Z"}, {"until": "soon"}, {"untill": None}])
async def test_a_pause_with_a_wrong_end_is_refused(headgate: ScheduledHeadgate, body: dict[str, Any]) -> None:
    await headgate.add_schedules(every="1h")

    answer = await post(headgate, "pause", status=422, **body)

    assert answer["errors"][0]["field"] == next(iter(body))
    assert (await get(headgate))[0]["paused"] is False


async def test_an_archived_pipeline_runs_no_schedule(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    await headgate.client.post("/pipelines/nightly/archive")

    refused = await post(headgate, "run-now", status=409)
    await headgate.pass_time(3 * 3_600, step=600)
    await headgate.client.post("/pipelines/nightly/unarchive")
    await headgate.pass_time(3_600, step=600)

    assert refused["problem"] == "archived"
    assert headgate.states == ["10:00 paused archived", "11:00 paused archived", "12:00 paused archived", "13:00 fired"]


async def test_viewers_may_read_and_operators_may_pause_and_run(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(every="1h")
    secured = ScheduledHeadgate(fakes=headgate.fakes, auth="local")
    viewer, operator = await secured.api.sign_in(Role.VIEWER), await secured.api.sign_in(Role.OPERATOR)

    answers = {
        role: [
            (await secured.client.get(PATH, headers=headers)).status_code,
            (await secured.client.post(f"{PATH}/main/pause", headers=headers)).status_code,
            (await secured.client.post(f"{PATH}/main/run-now", headers=headers)).status_code,
        ]
        for role, headers in (("viewer", viewer), ("operator", operator))
    }

    assert answers == {"viewer": [200, 403, 403], "operator": [200, 200, 202]}
