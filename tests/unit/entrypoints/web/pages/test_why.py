"""Why the runs of a day happened or not, on the pipeline's page."""

import re
from datetime import timedelta

import pytest

from domain.access.actor import Actor
from tests.support.actions import status_update
from tests.support.schedules import ScheduledHeadgate

HOUR = 3_600


@pytest.fixture
def headgate() -> ScheduledHeadgate:
    return ScheduledHeadgate()


async def read_section(headgate: ScheduledHeadgate, path: str = "/ui/pipelines/nightly") -> str:
    """Return the section's HTML; empty if the page has none."""
    answer = await headgate.client.get(path)
    assert answer.status_code == 200
    found = re.search(r'<section class="section" id="why".*?</section>', answer.text, re.DOTALL)
    return found[0] if found else ""


def list_lines(section: str) -> list[str]:
    """Return the text of each entry."""
    items = re.findall(r"<li>(.*?)</li>", section, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", item).split()) for item in items]


async def test_todays_reasons_are_shown_at_once_and_runs_are_links(headgate: ScheduledHeadgate) -> None:
    await headgate.application.create_pipeline()({"name": "other", "stages": [{"name": "a", "kind": "external"}]})
    await headgate.application.report_status()([status_update("running", pipeline="other")])
    await headgate.add_schedules(cron="0 10,11,20 * * *", start="2026-03-02T09:30")
    await headgate.pass_time(HOUR)
    await headgate.pass_time(HOUR)
    await headgate.end_runs()

    section = await read_section(headgate)

    assert list_lines(section) == ["Skipped main 11:00 skipped: #1 ran until 11:00"]
    assert '<a class="link" href="/ui/runs/2">#1</a>' in section
    assert "Of the other runs of today, 1 ran in time, 1 still to come." in section
    assert "Today, Monday 2 March 2026" in section


async def test_a_day_that_is_asked_for_shows_every_entry(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 10,11 * * *", start="2026-03-02T09:30")
    await headgate.pass_time(2 * HOUR, HOUR)

    section = await read_section(headgate, "/ui/pipelines/nightly?day=2026-03-02")
    tomorrow = await read_section(headgate, "/ui/pipelines/nightly?day=2026-03-03")

    assert list_lines(section) == ["Queued main 10:00 fired: #1 is queued", "Skipped main 11:00 skipped: #1 is not over yet"]
    assert list_lines(tomorrow) == ["Due main 10:00–11:00 still to come, 2 runs"]
    assert 'value="2026-03-03"' in tomorrow
    assert 'href="/ui/pipelines/1?day=2026-03-02#why"' in tomorrow


async def test_a_day_without_a_missing_run_says_so(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 10,11 * * *", start="2026-03-02T09:30")
    before = await read_section(headgate)
    await headgate.pass_time(HOUR)
    await headgate.end_runs()
    after = await read_section(headgate)

    assert "No run is missing today: 2 still to come." in before
    assert "No run is missing today: 1 ran in time, 1 still to come." in after
    assert list_lines(before) == list_lines(after) == []


async def test_a_day_that_is_none_is_refused_beside_its_field(headgate: ScheduledHeadgate) -> None:
    await headgate.add_schedules(cron="0 10 * * *")

    section = await read_section(headgate, "/ui/pipelines/nightly?day=soon")

    assert "Choose a date such as 2026-11-27." in section
    assert 'aria-invalid="true"' in section


async def test_a_pipeline_without_schedules_has_the_section_when_a_day_is_asked_for(headgate: ScheduledHeadgate) -> None:
    await headgate.application.create_pipeline()({"name": "sales", "stages": [{"name": "work", "kind": "command", "command": ["true"]}]})

    plain = await read_section(headgate, "/ui/pipelines/sales")
    asked = await read_section(headgate, "/ui/pipelines/sales?day=today")

    assert plain == ""
    assert "sales has no schedule: users, the API, the command line or reports start it." in asked


async def test_the_last_ticks_and_the_calendar_lead_to_the_day(headgate: ScheduledHeadgate) -> None:
    """The schedule's zone is a day ahead."""
    await headgate.add_schedules(every="1h", timezone="Pacific/Kiritimati")
    await headgate.application.pause_schedule()("nightly", "main", headgate.fakes.clock.now() + timedelta(minutes=90), Actor("ada"))
    await headgate.pass_time(2 * HOUR)

    page = (await headgate.client.get("/ui/pipelines/nightly")).text
    day = (await headgate.client.get("/ui/schedule?day=2026-03-02")).text
    week = (await headgate.client.get("/ui/schedule?view=week&day=2026-03-02")).text

    assert 'href="/ui/pipelines/1?day=2026-03-03#why" data-key="k1"' in page
    assert '<a class="link" href="/ui/pipelines/1?day=2026-03-03#why"><time' in page
    assert 'href="/ui/pipelines/nightly?day=2026-03-02#why"><span class="hidden">Explain the day of nightly, ' in day
    assert '<a href="/ui/pipelines/nightly?day=2026-03-02#why"><span class="hidden">' in week


async def test_expected_runs_lead_to_the_day_and_are_explained(headgate: ScheduledHeadgate) -> None:
    raw = {"name": "remote", "stages": [{"name": "copy", "kind": "external"}], "expect": [{"cron": "0 10,12 * * *", "grace": "10m"}]}
    await headgate.application.create_pipeline()(raw)
    headgate.fakes.clock.advance(2 * HOUR)

    page = await headgate.client.get("/ui/pipelines/remote")
    section = await read_section(headgate, "/ui/pipelines/remote")

    assert 'href="/ui/pipelines/1?day=2026-03-02#why"' in page.text
    assert list_lines(section) == ["Missed expected at 10:00 and 12:00 every day 10:00 missed: no machine reported a run until 10:10"]
