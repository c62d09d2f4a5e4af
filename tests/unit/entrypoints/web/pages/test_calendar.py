"""The calendar: a day and a week of all pipelines."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from application.ports.persistence.pipelines import StoredPipeline
from domain.runs.status import Status
from domain.schedules.tick import TickState
from entrypoints.web.calendar_query import CalendarQuery
from tests.fakes.system.clock import FakeClock
from tests.support.in_process import InProcessHeadgate

NOW = datetime(2026, 3, 4, 12, 20, tzinfo=UTC)
"""A Wednesday."""
PLAIN = {"Accept": "text/plain"}


@pytest.fixture
async def headgate() -> AsyncIterator[InProcessHeadgate]:
    headgate = InProcessHeadgate(clock=FakeClock(NOW))
    async with headgate.page_client:
        yield headgate


async def a_pipeline(headgate: InProcessHeadgate, name: str, **keys: object) -> StoredPipeline:
    pipeline = await headgate.stories.add_pipeline(name, ["dump"], schedules=[{"name": "main", **keys}])
    await headgate.schedule_stories.add(pipeline)
    return pipeline


async def a_full_day(headgate: InProcessHeadgate) -> None:
    """Add a pipeline with a failed and a missed tick this morning, and one that is due at 18:30."""
    hourly = await a_pipeline(headgate, "hourly", every="1h")
    story = [Status.COMPLETED, Status.FAILED, TickState.MISSED, TickState.SKIPPED]
    await headgate.schedule_stories.play_ticks(hourly, "main", NOW.replace(hour=7), *story)
    await a_pipeline(headgate, "evening", cron="30 18 * * *")


def get_cells(page: str) -> dict[str, dict[str, str]]:
    """Return the text of each pipeline's cells by column."""
    head = re.findall(r"<abbr[^>]*>([^<]+)</abbr>", page)
    rows = re.findall(r'data-key="c([^"]+)">(.*?)</tr>', page, re.DOTALL)
    return {
        name: {
            column: unescape(found[1])
            for column, cell in zip(head, re.findall(r"<td(?! class=\"num\")[^>]*>(.*?)</td>", row, re.DOTALL), strict=True)
            if (found := re.search(r'<span class="hidden">([^<]+)</span>', cell))
        }
        for name, row in rows
    }


async def test_a_day_shows_what_ran_what_did_not_and_what_is_due(headgate: InProcessHeadgate) -> None:
    await a_full_day(headgate)

    page = (await headgate.page_client.get("/ui/schedule")).text

    assert "Wednesday, 4 March 2026" in page
    cells = get_cells(page)
    assert cells["evening"] == {"18": "1 due"}
    assert cells["hourly"] == {"08": "1 completed", "09": "1 failed", "10": "1 missed", "11": "1 skipped"} | {
        f"{hour}": "1 due" for hour in range(13, 24)
    }
    assert "2 pipelines: 1 failed, 1 missed, 1 completed, 1 skipped, 12 due." in page
    assert re.findall(r'class="num is-now"><abbr title="([^"]+)"', page) == ["12:00"]


async def test_the_chart_says_where_it_gets_crowded(headgate: InProcessHeadgate) -> None:
    for number in range(4):
        await a_pipeline(headgate, f"p{number}", cron="0 18 * * *")
    await a_pipeline(headgate, "other", cron="0 20 * * *")

    page = (await headgate.page_client.get("/ui/schedule")).text

    assert "Busiest 18:00–18:15: 4 due" in page
    heights = [float(height) for height in re.findall(r'<rect class="crowd-due" [^>]*height="([\d.]+)"><title>', page)]
    assert heights == [56.0, 14.0]


async def test_a_week_has_a_column_a_day(headgate: InProcessHeadgate) -> None:
    await a_full_day(headgate)

    page = (await headgate.page_client.get("/ui/schedule?view=week&day=2026-03-05")).text

    assert "Week of 2 March 2026" in page
    cells = get_cells(page)
    assert cells["hourly"] == {
        "Wed 4": "1 failed, 1 missed, 1 completed, 1 skipped, 11 due",
        **dict.fromkeys(("Thu 5", "Fri 6", "Sat 7", "Sun 8"), "24 due"),
    }
    assert cells["evening"] == dict.fromkeys(("Wed 4", "Thu 5", "Fri 6", "Sat 7", "Sun 8"), "1 due")


async def test_days_are_those_of_the_zone_and_links_keep_it(headgate: InProcessHeadgate) -> None:
    await a_pipeline(headgate, "late", cron="0 20 * * *")

    page = (await headgate.page_client.get("/ui/schedule?day=2026-03-05&zone=Asia/Kathmandu")).text

    assert get_cells(page) == {"late": {"01": "1 due"}}, "20:00 UTC on the 4th is 01:45 on the 5th"
    links = [unescape(link) for link in re.findall(r'href="(/ui/schedule\?[^"]+)"', page)]
    assert links and all("zone=Asia%2FKathmandu" in link for link in links)
    assert "/ui/schedule?view=day&day=2026-03-06&zone=Asia%2FKathmandu" in links


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_with_a_clock_change_has_its_own_number_of_hours(day: str, hours: int) -> None:
    query = CalendarQuery.parse("day", day, "Europe/Berlin", NOW)

    columns = query.get_columns()

    assert len(columns) == hours
    assert columns[0][0] == query.start and columns[-1][1] == query.end
    assert query.end - query.start == timedelta(hours=hours)


@pytest.mark.parametrize(
    "query", ["day=x", "day=0001-01-01", "day=9999-12-31", "view=year", "zone=Nowhere/City", "day=2026-02-30", "zone=%00"]
)
async def test_an_invalid_query_shows_today(headgate: InProcessHeadgate, query: str) -> None:
    answer = await headgate.page_client.get(f"/ui/schedule?{query}")

    assert answer.status_code == 200 and "Wednesday, 4 March 2026" in answer.text


async def test_a_paused_pipeline_has_nothing_due(headgate: InProcessHeadgate) -> None:
    await a_pipeline(headgate, "evening", cron="30 18 * * *")
    await headgate.application.pause_pipeline()("evening")
    paused = (await headgate.page_client.get("/ui/schedule")).text
    await headgate.application.resume_pipeline()("evening")
    resumed = (await headgate.page_client.get("/ui/schedule")).text

    assert get_cells(paused) == {}
    assert get_cells(resumed) == {"evening": {"18": "1 due"}}


async def test_an_empty_calendar_says_how_to_fill_it(headgate: InProcessHeadgate) -> None:
    assert "No scheduled runs in this period." in (await headgate.page_client.get("/ui/schedule")).text
    assert "No scheduled runs" in (await headgate.page_client.get("/ui/schedule", headers=PLAIN)).text


async def test_the_calendar_for_terminals_lists_ticks_by_time(headgate: InProcessHeadgate) -> None:
    await a_full_day(headgate)

    text = (await headgate.page_client.get("/ui/schedule", headers=PLAIN)).text

    assert text.startswith("Wednesday, 4 March 2026   UTC\n2 pipelines: ")
    assert re.search(r"^09:00 +hourly +1 failed$", text, re.MULTILINE)
    assert re.search(r"^18:00 +evening +1 due$", text, re.MULTILINE)
    assert re.search(r"^4 Mar 2026 13:00:00 UTC +hourly +main$", text, re.MULTILINE)
