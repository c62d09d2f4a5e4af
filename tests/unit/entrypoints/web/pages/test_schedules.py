"""Schedules on the board, on a pipeline's page, in the editor and on a run's page."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest

from application.ports.persistence.pipelines import StoredPipeline
from application.queries.views.schedules import ScheduleView
from domain.runs.status import Status
from domain.schedules.tick import TickState
from entrypoints.web.live.board import LiveBoard
from tests.fakes.system.clock import FakeClock
from tests.support.in_process import InProcessHeadgate

NIGHTLY = {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
SPRING = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""Two days before the clocks go forward in Berlin."""


@pytest.fixture
async def headgate() -> AsyncIterator[InProcessHeadgate]:
    """A Headgate two days before the clocks go forward."""
    headgate = InProcessHeadgate(clock=FakeClock(SPRING))
    async with headgate.page_client:
        yield headgate


async def a_pipeline(headgate: InProcessHeadgate, *schedules: dict[str, Any], name: str = "exports") -> StoredPipeline:
    pipeline = await headgate.stories.add_pipeline(name, ["dump"], schedules=list(schedules))
    await headgate.schedule_stories.add(pipeline)
    return pipeline


async def get_text(headgate: InProcessHeadgate, path: str) -> str:
    """Return the page without markup, with single spaces."""
    answer = await headgate.page_client.get(path)
    assert answer.status_code == 200, answer.text
    return to_text(answer.text)


def to_text(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


async def only_schedule(headgate: InProcessHeadgate) -> ScheduleView:
    (schedule,) = await headgate.fakes.reader.schedules(1)
    return schedule


async def test_a_pipelines_page_shows_its_schedules_in_words_with_the_next_five_times(headgate: InProcessHeadgate) -> None:
    await a_pipeline(headgate, NIGHTLY | {"overlap": "queue_one", "skip": ["2026-03-31"]})

    text = await get_text(headgate, "/ui/pipelines/exports")

    assert "nightly At 02:30 every day, Europe/Berlin" in text
    assert "one tick waits for the earlier run · the latest missed tick runs late · not on 1 date" in text
    times = re.findall(r"(\w{3} \d+ \w{3} 2026, 0\d:\d\d)", text)
    assert times[0::2] == [
        "Sat 28 Mar 2026, 02:30",
        "Sun 29 Mar 2026, 03:00",
        "Mon 30 Mar 2026, 02:30",
        "Wed 1 Apr 2026, 02:30",
        "Thu 2 Apr 2026, 02:30",
    ]
    assert times[1::2][:3] == ["Sat 28 Mar 2026, 01:30", "Sun 29 Mar 2026, 01:00", "Mon 30 Mar 2026, 00:30"]
    assert "Moved by the clock change: 02:30 does not exist on 2026-03-29" in text


@pytest.mark.parametrize("jitter", ["0s", "10m"])
async def test_the_next_time_on_every_page_is_the_one_that_the_store_fires(headgate: InProcessHeadgate, jitter: str) -> None:
    await a_pipeline(headgate, NIGHTLY | {"jitter": jitter})
    stored = (await only_schedule(headgate)).next_fire_at
    assert stored is not None
    written = f'<time datetime="{stored.isoformat(timespec="milliseconds").replace("+00:00", "Z")}"'

    page = (await headgate.page_client.get("/ui/pipelines/exports")).text
    board = (await headgate.page_client.get("/")).text
    calendar = (await headgate.page_client.get("/ui/schedule?day=2026-03-28")).text

    table = page[page.index('class="rows next-times"') :]
    assert re.findall(r"<time[^>]+?Z\"", table)[0] == written
    assert written in board and written in calendar


async def test_a_paused_schedule_says_so_and_shows_no_times(headgate: InProcessHeadgate) -> None:
    pipeline = await a_pipeline(headgate, NIGHTLY)
    await headgate.schedule_stories.pause(pipeline, "nightly", "mara")

    text = await get_text(headgate, "/ui/pipelines/exports")

    assert "Paused 27 Mar 12:00 by mara" in text
    assert "Next times" not in text and "Your time" not in text


async def test_schedules_of_a_paused_pipeline_show_no_times(headgate: InProcessHeadgate) -> None:
    await a_pipeline(headgate, NIGHTLY)
    await headgate.application.pause_pipeline()("exports")

    text = await get_text(headgate, "/ui/pipelines/exports")

    assert "It does not fire while the pipeline is paused or archived." in text
    assert "Your time" not in text


async def test_the_last_ticks_are_shown_with_their_states_and_reasons(headgate: InProcessHeadgate) -> None:
    pipeline = await a_pipeline(headgate, NIGHTLY)
    story = [Status.COMPLETED, TickState.MISSED, TickState.LATE, Status.FAILED, TickState.PAUSED, TickState.SKIPPED]
    await headgate.schedule_stories.play_ticks(pipeline, "nightly", datetime(2026, 3, 20, tzinfo=UTC), *story)

    page = (await headgate.page_client.get("/ui/pipelines/exports")).text

    labels = [unescape(label) for label in re.findall(r"<title>([^<]+ UTC: [^<]+)</title>", page)]
    assert labels == [
        "Fri 20 Mar 2026, 01:30 UTC: fired, #1 completed",
        "Sat 21 Mar 2026, 01:30 UTC: missed. Headgate or its database was not available at that time.",
        "Sun 22 Mar 2026, 01:30 UTC: late, #2 completed. Headgate or its database was not available at that time.",
        "Mon 23 Mar 2026, 01:30 UTC: fired, #3 failed",
        "Tue 24 Mar 2026, 01:30 UTC: paused. The schedule was paused.",
        "Wed 25 Mar 2026, 01:30 UTC: skipped. Run 41 was not over.",
    ]
    assert re.findall(r'class="is-(\w+) tick-mark"', page) == ["completed", "missed", "completed", "failed", "paused", "skipped"]
    text = to_text(page)
    assert "Last tick, 25 Mar 01:30 : skipped. Run 41 was not over." in text
    assert "21 Mar 01:30 Missed – Headgate or its database was not available at that time." in text
    assert text.index("25 Mar 01:30 Skipped") < text.index("20 Mar 01:30 Fired"), "the table begins with the newest"


async def test_the_board_shows_the_next_run_or_that_it_is_paused(headgate: InProcessHeadgate) -> None:
    await a_pipeline(headgate, NIGHTLY, {"name": "soon", "every": "1h"}, name="soon")
    paused = await a_pipeline(headgate, NIGHTLY, name="paused")
    await headgate.schedule_stories.pause(paused, "nightly")
    await a_pipeline(headgate, name="manual")
    await a_pipeline(headgate, NIGHTLY, name="held")
    await headgate.application.pause_pipeline()("held")

    page = (await headgate.page_client.get("/")).text
    row_texts = re.findall(r'class="name" href="/ui/pipelines/(\w+)".*?(<div class="next.*?)<div class="num', page, re.DOTALL)
    rows = {name: to_text(row).strip() for name, row in row_texts}
    text = (await headgate.page_client.get("/", headers={"Accept": "text/plain"})).text

    assert rows == {
        "soon": "Next run 27 Mar 13:00 27 Mar 13:00",
        "paused": "Next run Paused",
        "manual": "Next run –",
        "held": "Next run Paused",
    }
    lines = {line.split()[1]: line for line in text.splitlines()[1:] if line}
    assert "in 1 h" in lines["soon"] and "paused" in lines["held"]


async def test_a_pause_and_a_new_time_change_an_open_boards_row(headgate: InProcessHeadgate) -> None:
    pipeline = await a_pipeline(headgate, NIGHTLY)
    view = LiveBoard(headgate.page_context)
    before = await view.render()
    await headgate.schedule_stories.pause(pipeline, "nightly")

    after = await view.render()

    assert "28 Mar 01:30" in before.fragments["row-1"] and "Paused" in after.fragments["row-1"]
    assert before.digest != after.digest


async def test_the_editor_previews_the_next_times_without_a_script(headgate: InProcessHeadgate) -> None:
    pipeline = await a_pipeline(headgate, NIGHTLY)
    text = "name: exports\nstages: [{name: dump, command: ['true']}]\nschedules: [{name: often, every: 15m}]\n"
    shown = await get_text(headgate, "/ui/pipelines/exports/edit")

    answer = await headgate.page_client.post("/ui/pipelines/exports/edit/preview", data={"definition": text, "revision": "1"})

    assert "At 02:30 every day, Europe/Berlin" in shown
    assert answer.status_code == 200
    assert "often Every 15 minutes" in to_text(answer.text) and "Fri 27 Mar 2026, 12:15" in answer.text
    assert "every: 15m" in answer.text and 'name="revision" value="1"' in answer.text
    stored = await headgate.fakes.reader.pipeline(pipeline.id)
    assert stored is not None and stored.revision == 1


async def test_the_preview_for_a_script_is_a_part_of_the_page(headgate: InProcessHeadgate) -> None:
    await a_pipeline(headgate, NIGHTLY)

    async def preview(schedules: str) -> str:
        text = f"name: exports\nstages: [{{name: dump, command: ['true']}}]\nschedules: {schedules}\n"
        answer = await headgate.page_client.post(
            "/ui/pipelines/exports/edit/preview", data={"definition": text}, headers={"HX-Request": "true"}
        )
        assert answer.status_code == 200 and "<html" not in answer.text
        return to_text(answer.text)

    assert "Sun 29 Mar 2026, 03:00" in await preview("[{name: a, cron: '30 2 * * *', timezone: Europe/Berlin}]")
    assert "schedules[0].cron : " in await preview("[{name: a, cron: '99 2 * * *'}]")
    assert "schedules[0].timezone : there is no time zone Europe/Berln; did you mean" in await preview(
        "[{name: a, every: 1h, timezone: Europe/Berln}]"
    )
    assert "No schedules." in await preview("[]")
    assert "It does not fire again." in await preview("[{name: a, at: '2020-01-01T00:00'}]")


async def test_a_run_says_for_which_time_it_was_scheduled(headgate: InProcessHeadgate) -> None:
    pipeline = await a_pipeline(headgate, NIGHTLY)
    await headgate.schedule_stories.play_ticks(pipeline, "nightly", datetime(2026, 3, 20, tzinfo=UTC), Status.COMPLETED)
    await headgate.stories.open_run(pipeline)

    assert "Scheduled for 20 Mar 01:30" in await get_text(headgate, "/ui/runs/1")
    assert "Scheduled for" not in await get_text(headgate, "/ui/runs/2")
    assert await get_run_ids(headgate, "/ui/runs?trigger=schedule") == ["1"]


async def get_run_ids(headgate: InProcessHeadgate, path: str) -> list[str]:
    return re.findall(r'data-key="r(\d+)"', (await headgate.page_client.get(path)).text)
