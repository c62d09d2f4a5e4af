"""The board's order, and the counts of its filters."""

import re
from datetime import timedelta

import pytest

from domain.runs.status import Status
from entrypoints.web.board_order import BoardOrder
from entrypoints.web.board_query import ROWS_PER_PAGE, BoardQuery
from entrypoints.web.live.board import LiveBoard
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end

STAGES = [a_stage("a", "external")]


async def add_examples(headgate: InProcessHeadgate) -> None:
    """Add pipelines in every state that orders tell apart; names are in the reverse order of urgency."""
    now = headgate.fakes.clock.now()
    for minutes, (name, status) in enumerate(
        (("a-done", Status.COMPLETED), ("b-cancelled", Status.CANCELLED), ("c-waits", None), ("d-failed", Status.FAILED))
    ):
        pipeline = await headgate.stories.add_pipeline(name, STAGES, tags=["sql"])
        run_id = await headgate.stories.open_run(pipeline, now - timedelta(minutes=10 - minutes))
        if status is Status.CANCELLED:
            await headgate.stories.change_run(run_id, lambda run: run.cancel(now, "mara"))
        elif status:
            await headgate.stories.change_run(run_id, end("a", status, now))
    for name, every in (("e-daily", "24h"), ("f-hourly", "1h")):
        pipeline = await headgate.stories.add_pipeline(name, ["a"], schedules=[{"name": "s", "every": every}])
        await headgate.schedule_stories.add(pipeline)


def get_names(page: str) -> list[str]:
    return re.findall(r'<a class="name" [^>]*>([^<]*)</a>', page)


ORDERS = {
    "": "a-done b-cancelled c-waits d-failed e-daily f-hourly",
    "failures": "d-failed c-waits b-cancelled a-done e-daily f-hourly",
    "last-run": "d-failed c-waits b-cancelled a-done e-daily f-hourly",
    "next-run": "f-hourly e-daily a-done b-cancelled c-waits d-failed",
    "unknown": "a-done b-cancelled c-waits d-failed e-daily f-hourly",
}


@pytest.mark.parametrize("order", ORDERS)
async def test_the_page_and_the_text_are_sorted_as_the_url_says(headgate: InProcessHeadgate, order: str) -> None:
    await add_examples(headgate)

    page = (await headgate.page_client.get(f"/?sort={order}")).text
    text = (await headgate.client.get(f"/?sort={order}", headers={"Accept": "text/plain"})).text

    assert get_names(page) == ORDERS[order].split()
    assert re.findall(r"[a-f]-[a-z]+", text) == ORDERS[order].split()


async def test_links_keep_the_order_and_the_filters(headgate: InProcessHeadgate) -> None:
    await add_examples(headgate)

    page = (await headgate.page_client.get("/?q=a&tag=sql&sort=failures")).text

    assert 'href="/?q=a&amp;tag=sql&amp;sort=last-run">Last run</a>' in page
    assert 'href="/?q=a&amp;tag=sql&amp;sort=failures" aria-current="true">Failures first</a>' in page
    assert 'href="/?q=a&amp;status=waiting&amp;tag=sql&amp;sort=failures"' in page
    assert 'href="/?q=a&amp;sort=failures" aria-current="true" title="sql"' in page
    assert '<input type="hidden" name="sort" value="failures">' in page


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("", {"all": "6", "failed": "1", "waiting": "1", "pending": "2"}),
        ("?q=-d", {"all": "2", "failed": "", "waiting": "", "pending": "1"}),
        ("?q=failed&status=waiting", {"all": "1", "failed": "1", "waiting": ""}),
        ("?tag=sql", {"all": "4", "failed": "1", "completed": "1", "cancelled": "1"}),
        ("?q=nothing", {"all": "0", "failed": ""}),
    ],
)
async def test_counts_follow_words_and_tag_but_not_the_status(headgate: InProcessHeadgate, query: str, counts: dict[str, str]) -> None:
    await add_examples(headgate)

    page = (await headgate.page_client.get(f"/{query}")).text

    assert dict(re.findall(r'<b data-count="([a-z]+)">(\d*)</b>', page)).items() >= counts.items()


async def add_many(headgate: InProcessHeadgate) -> list[int]:
    """Add more pipelines than a page shows; the last three failed. Return the ids of the last three."""
    pipelines = [await headgate.stories.add_pipeline(f"p{number:03}", STAGES) for number in range(ROWS_PER_PAGE + 5)]
    for pipeline in pipelines[-3:]:
        run_id = await headgate.stories.open_run(pipeline)
        await headgate.stories.change_run(run_id, end("a", Status.FAILED, headgate.fakes.clock.now()))
    return [pipeline.id for pipeline in pipelines[-3:]]


async def test_a_paged_board_is_sorted_across_its_pages(headgate: InProcessHeadgate) -> None:
    await add_many(headgate)

    first = (await headgate.page_client.get("/?sort=failures")).text
    second = (await headgate.page_client.get("/?sort=failures&page=2")).text

    assert get_names(first)[:4] == ["p102", "p103", "p104", "p000"] and get_names(second) == ["p097", "p098", "p099", "p100", "p101"]
    assert 'href="/?sort=failures&amp;page=2">Next</a>' in first


async def test_live_counts_of_a_paged_board_follow_its_words(headgate: InProcessHeadgate) -> None:
    await add_many(headgate)

    fragments = (await LiveBoard(headgate.page_context, BoardQuery(words="p10", status="pending")).render()).fragments

    assert (fragments["count-all"], fragments["count-failed"], fragments["count-pending"]) == ("5", "3", "2")


async def test_a_sorted_page_keeps_following_the_rows_that_it_shows(headgate: InProcessHeadgate) -> None:
    failed = await add_many(headgate)
    page = (await headgate.page_client.get("/?sort=failures")).text
    (stream,) = re.findall(r'sse-connect="([^"]+)"', page)
    (shown,) = re.findall(r"shown=([\d,]+)", stream)
    (seen,) = re.findall(r"seen=(\w+)", stream)
    board = LiveBoard(headgate.page_context, BoardQuery.parse({"sort": "failures", "shown": shown}))
    before = await board.render()

    newest = await headgate.stories.add_pipeline("zero", STAGES)
    run_id = await headgate.stories.open_run(newest)
    await headgate.stories.change_run(run_id, end("a", Status.FAILED, headgate.fakes.clock.now()))
    after = await board.render()

    assert before.digest == seen
    ids = [int(id) for id in shown.split(",")]
    assert ids[:3] == failed and len(ids) == ROWS_PER_PAGE
    rows = {name for name in after.fragments if name.startswith("row-")}
    assert rows == {f"row-{id}" for id in ids} == {name for name in before.fragments if name.startswith("row-")}
    assert f",{newest.id}," in after.fragments["rows"] and before.digest != after.digest


def test_a_url_names_only_what_differs_from_the_whole_board() -> None:
    query = BoardQuery.parse({"q": " A ", "sort": "last-run", "page": "2", "shown": "3,x,5", "status": "none"})

    assert (query.words, query.order, query.page, query.shown, query.status) == ("a", BoardOrder.LAST_RUN, 2, (3, 5), "")
    assert query.get_url("/", page=1) == "/?q=a&sort=last-run&shown=3,5"
    assert BoardQuery.parse({}).get_url("/") == "/"
