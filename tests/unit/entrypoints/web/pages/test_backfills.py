"""The pages of backfills. The clock starts on Monday 2026-03-02 at nine, UTC."""

import re
from typing import Any

import pytest

from domain.access.permissions import Role
from domain.backfills.backfill import BackfillState
from domain.runs.status import Status
from tests.support.backfills import BackfilledHeadgate

FORM = "/ui/pipelines/nightly/backfill"
FIELDS = {"schedule": "main", "from": "2026-02-01", "to": "2026-02-10", "order": "oldest", "parallel": "4", "existing": "skip"}


@pytest.fixture
async def headgate() -> BackfilledHeadgate:
    headgate = BackfilledHeadgate()
    await headgate.add_schedules(cron="30 2 * * *", timezone="Europe/Berlin")
    return headgate


async def post(headgate: BackfilledHeadgate, path: str = FORM, status: int = 200, **fields: str) -> Any:
    answer = await headgate.page_client.post(path, data={**(FIELDS if path == FORM else {}), **fields})
    assert answer.status_code == status, answer.text
    return answer


async def get(headgate: BackfilledHeadgate, path: str, status: int = 200, **headers: str) -> str:
    answer = await headgate.page_client.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.text


def find_previewed(page: str) -> str:
    found = re.search(r'name="previewed" value="(\w+)"', page)
    assert found
    return found[1]


async def test_the_form_shows_a_preview_before_it_can_start(headgate: BackfilledHeadgate) -> None:
    empty = await get(headgate, FORM)
    previewed = (await post(headgate, preview="1")).text

    assert 'name="start"' not in empty
    assert "10 ticks to run." in previewed and "From Sun 1 Feb 2026, 02:30 to Tue 10 Feb 2026, 02:30" in previewed
    assert "No run has completed yet" in previewed
    assert 'name="start"' in previewed and 'value="2026-02-01"' in previewed
    assert headgate.fakes.store.committed.backfills == {}

    started = await post(headgate, status=303, start="1", previewed=find_previewed(previewed))

    assert started.headers["location"] == "/ui/backfills/1"
    assert (headgate.find_backfill().progress.pending, headgate.find_backfill().plan.parallel) == (10, 4)


async def test_what_differs_from_the_preview_is_previewed_again(headgate: BackfilledHeadgate) -> None:
    previewed = (await post(headgate, preview="1")).text

    again = await post(headgate, start="1", previewed=find_previewed(previewed), to="2026-02-05")

    assert "5 ticks to run." in again.text
    assert headgate.fakes.store.committed.backfills == {}


async def test_a_cron_takes_the_place_of_the_schedule(headgate: BackfilledHeadgate) -> None:
    page = (await post(headgate, schedule="", cron="0 */12 * * *", timezone="Asia/Tokyo", preview="1")).text

    assert "20 ticks to run." in page and "(Asia/Tokyo)" in page


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"from": ""}, "From must be a date or a time"),
        ({"from": "x<y>"}, "From must be a date or a time"),
        ({"to": "2026-01-01"}, "To must not be earlier than from"),
        ({"parallel": "many"}, "Parallel must be from 1 to 100"),
        ({"order": "x"}, "Order is not one of the choices"),
        ({"schedule": "", "cron": ""}, "Cron "),
        ({"cron": "0 0 * * *"}, "Cron does not apply to a schedule"),
        ({"timezone": "Asia/Tokyo"}, "Timezone does not apply to a schedule"),
        ({"schedule": "", "cron": "61 * * * *"}, "Cron "),
        ({"parameters": "{"}, "Parameters must be valid JSON"),
        ({"parameters": "[1]"}, "Parameters must be a JSON object"),
        ({"parameters": '{"x": 1}'}, "this pipeline takes no parameters"),
        ({"parameters": '{"x": 1e999}'}, "Parameters"),
        ({"schedule": "", "cron": "* * * * *"}, "To selects 14,400 ticks, but a backfill has at most 10,000"),
    ],
)
async def test_a_problem_is_shown_at_its_field(headgate: BackfilledHeadgate, fields: dict[str, str], problem: str) -> None:
    page = (await post(headgate, status=422, preview="1", **fields)).text

    assert problem in page and 'aria-invalid="true"' in page
    assert 'name="start"' not in page


async def test_an_archived_pipeline_refuses_on_the_form(headgate: BackfilledHeadgate) -> None:
    await headgate.application.archive_pipeline()("nightly")

    assert "nightly is archived" in (await post(headgate, status=409, preview="1")).text


async def test_nothing_can_be_started_if_every_tick_has_a_run(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(parallel=10)
    await headgate.step()

    page = (await post(headgate, preview="1")).text

    assert "0 ticks to run, 10 skipped because they have runs." in page and 'name="start"' not in page


async def test_a_backfill_shows_its_progress_its_ticks_and_its_runs(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(parallel=3)
    await headgate.step()
    await headgate.end_run(headgate.list_unfinished()[0], Status.FAILED)
    await headgate.step()

    page = await get(headgate, "/ui/backfills/1")
    failed = await get(headgate, "/ui/backfills/1?state=failed")

    assert "0 of 10 completed, 3 running, 1 failed." in page
    assert 'class="part-failed"' in page and 'aria-label="0 of 10 completed, 3 running, 1 failed"' in page
    assert page.count("<tr data-row") == 10 and failed.count("<tr data-row") == 1
    assert 'href="/ui/runs/1"' in failed and "2026-02-01 to 2026-02-10" in page


async def test_many_ticks_come_in_pages(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(cron="0 * * * *", since="2026-02-01", until="2026-02-10")

    first = await get(headgate, "/ui/backfills/1")
    second = await get(headgate, "/ui/backfills/1?above=100")
    back = await get(headgate, "/ui/backfills/1?below=101")

    def positions(page: str) -> tuple[str, str, int]:
        found = re.findall(r'data-key="t([\d,]+)"', page)
        return found[0], found[-1], len(found)

    assert [positions(page) for page in (first, second, back)] == [("1", "100", 100), ("101", "200", 100), ("1", "100", 100)]
    assert "?above=100" in first and "Earlier ticks" not in first
    assert "?below=101" in second and "?above=200" in second


async def test_it_is_paused_resumed_and_cancelled(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(parallel=2)
    await headgate.step()
    states = []

    for action, fields in (("pause", {}), ("resume", {}), ("cancel", {"runs": "true"})):
        answer = await post(headgate, f"/ui/backfills/1/{action}", 303, **fields)
        assert answer.headers["location"] == "/ui/backfills/1"
        states.append(headgate.find_backfill().state)

    assert states == [BackfillState.PAUSED, BackfillState.RUNNING, BackfillState.CANCELLED]
    assert headgate.list_unfinished() == []
    await post(headgate, "/ui/backfills/1/pause", 409)


async def test_cancelling_asks_about_the_runs(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill()

    page = await get(headgate, "/ui/backfills/1/cancel")

    assert "Cancel backfill 1?" in page and "Cancel its unfinished runs, too" in page


async def test_lists_are_of_all_pipelines_or_of_one(headgate: BackfilledHeadgate) -> None:
    empty = await get(headgate, "/ui/backfills/")
    await headgate.add_schedules("weekly", cron="30 2 * * 1")
    await headgate.start_backfill()
    await headgate.start_backfill("weekly")

    everything = await get(headgate, "/ui/backfills/")
    of_one = await get(headgate, "/ui/backfills/?pipeline=nightly")
    text = await get(headgate, "/ui/backfills/", Accept="text/plain")

    assert "No backfills yet." in empty
    assert everything.count("<tr data-row") == 2 and of_one.count("<tr data-row") == 1
    assert [line.split()[:3] for line in text.splitlines()] == [
        ["ID", "PIPELINE", "TICKS"],
        ["2", "weekly", "main"],
        ["1", "nightly", "main"],
    ]
    assert "/ui/backfills/?pipeline=1" in await get(headgate, "/ui/pipelines/nightly")
    assert 'href="/ui/backfills/"' in await get(headgate, "/ui/schedule")


async def test_a_backfill_is_plain_text_in_a_terminal(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(until="2026-02-02")
    await headgate.step()

    lines = (await get(headgate, "/ui/backfills/1", Accept="text/plain")).splitlines()

    assert lines[:2] == ["Backfill 1 of nightly, main, 2026-02-01 to 2026-02-02: Running", "0 of 2 completed, 1 running"]
    assert [line.split()[0] for line in lines[3:]] == ["N", "1", "2"]


async def test_an_open_page_follows_the_backfill_and_its_runs(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill()
    from entrypoints.web.live.backfills import BackfillQuery, LiveBackfillList, LiveBackfillPage

    page, listed = LiveBackfillPage(headgate.page_context, 1, BackfillQuery()), LiveBackfillList(headgate.page_context, None)
    other = LiveBackfillList(headgate.page_context, 99)
    cursor = await headgate.fakes.change_feed.position()
    await headgate.step()
    batch = await headgate.fakes.change_feed.read(cursor)

    assert [view.get_effect(batch).needs_render for view in (page, listed, other)] == [True, True, False]
    await page.render()
    await headgate.use_cases.claim(1)
    claimed = await headgate.fakes.change_feed.read(batch.cursor)
    assert page.get_effect(claimed).needs_render


@pytest.mark.parametrize(
    "path", ["/ui/backfills/9", "/ui/backfills/x", "/ui/backfills/?pipeline=unknown", "/ui/pipelines/unknown/backfill"]
)
async def test_what_does_not_exist_is_404(headgate: BackfilledHeadgate, path: str) -> None:
    await get(headgate, path, 404)


async def test_a_viewer_sees_no_buttons() -> None:
    secured = BackfilledHeadgate(auth="team")
    await secured.add_schedules(cron="30 2 * * *")
    await secured.start_backfill()
    headers = await secured.api.sign_in(Role.VIEWER)

    page = await secured.page_client.get("/ui/backfills/1", headers=headers)

    assert page.status_code == 200 and "/ui/backfills/1/pause" not in page.text
    assert (await secured.page_client.get(FORM, headers=headers)).status_code == 403


async def test_a_run_leads_to_its_backfill(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill()
    await headgate.step()

    page = await get(headgate, "/ui/runs/1")

    assert 'Backfill, <a class="link" href="/ui/backfills/1">backfill 1</a>' in page
