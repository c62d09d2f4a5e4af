"""Why the runs of a day happened or not, by the API."""

import pytest

from tests.support.schedules import ScheduledHeadgate

HOUR = 3_600


@pytest.fixture
def headgate() -> ScheduledHeadgate:
    return ScheduledHeadgate()


async def test_the_entries_of_a_day_have_local_times_reasons_and_sentences(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 * * * *", timezone="Europe/Berlin")
    await headgate.pass_time(2 * HOUR, HOUR)

    answer = await headgate.client.get("/pipelines/nightly/why?day=2026-03-02")

    body = answer.json()
    _, fired, skipped, due = body["entries"]
    assert (body["pipeline"], body["day"], body["links"]["page"]) == ("nightly", "2026-03-02", "/ui/pipelines/1?day=2026-03-02#why")
    assert (fired["state"], fired["reason"], fired["run_ids"], fired["runs"]) == ("fired", None, [1], 1)
    assert skipped == {
        "schedule": "main",
        "from": "2026-03-02T11:00:00Z",
        "to": "2026-03-02T11:00:00Z",
        "local_from": "2026-03-02T12:00:00+01:00",
        "local_to": "2026-03-02T12:00:00+01:00",
        "timezone": "Europe/Berlin",
        "count": 1,
        "state": "skipped",
        "reason": "overlap",
        "sentence": "12:00 skipped: #1 is not over yet",
        "runs": 0,
        "run_ids": [],
        "blocked_by": 1,
    }
    assert (due["state"], due["reason"], due["count"], due["sentence"]) == ("due", "to_come", 11, "13:00–23:00 still to come, 11 runs")


async def test_the_sentences_can_be_read_as_text(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="30 2 * * *", skip=["2026-03-03"])

    answer = await headgate.client.get("/pipelines/1/why?day=2026-03-03", headers={"Accept": "text/plain"})

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == "main: 02:30 not due: 3 March is in `skip` of main\n"


async def test_today_is_the_day_of_the_first_schedule(headgate: ScheduledHeadgate) -> None:
    """It is nine in the morning in UTC, and already the next day on Kiritimati after another hour."""
    await headgate.add_schedules(cron="0 12 * * *", timezone="Pacific/Kiritimati")

    days = [(await headgate.client.get(f"/pipelines/nightly/why{query}")).json()["day"] for query in ("", "?day=today", "?day=yesterday")]
    headgate.fakes.clock.advance(HOUR)
    later = (await headgate.client.get("/pipelines/nightly/why")).json()["day"]

    assert (days, later) == (["2026-03-02", "2026-03-02", "2026-03-01"], "2026-03-03")


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "2026-3-1", "20260301", "1970-01-01", "2999-01-01", "2026-03-01T00:00", "x" * 30])
async def test_a_day_that_is_none_is_refused(headgate: ScheduledHeadgate, day: str) -> None:
    await headgate.add_schedules()

    answer = await headgate.client.get("/pipelines/nightly/why", params={"day": day})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].endswith("day")


@pytest.mark.parametrize("day", ["1971-01-01", "2998-12-31", "2026-12-31", "2028-02-29"])
async def test_any_day_of_the_calendar_has_an_answer(headgate: ScheduledHeadgate, day: str) -> None:
    await headgate.add_schedules("nightly", {"name": "rare", "cron": "0 0 29 2 *"}, {"name": "often", "every": 5})

    answer = await headgate.client.get("/pipelines/nightly/why", params={"day": day})

    assert answer.status_code == 200
    assert len(answer.json()["entries"]) < 5


async def test_an_unknown_pipeline_is_not_found(headgate: ScheduledHeadgate) -> None:
    assert (await headgate.client.get("/pipelines/other/why")).status_code == 404
