"""The board of more pipelines than fit on a page: pages, filters, text and live rows."""

import re

import pytest

from domain.runs.status import Status
from entrypoints.web.board_query import ROWS_PER_PAGE, BoardQuery
from entrypoints.web.live.board import LiveBoard
from tests.support.builders import a_stage
from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end

COUNT = 2 * ROWS_PER_PAGE + 5


async def add_pipelines(headgate: InProcessHeadgate, count: int = COUNT) -> None:
    """Add pipelines p000, p001 and so on; every tenth is tagged and has a waiting run."""
    for number in range(count):
        tags = ["tenth"] if number % 10 == 0 else []
        pipeline = await headgate.stories.add_pipeline(f"p{number:03}", [a_stage("a", "external")], tags=tags, description="<" * 2_000)
        if tags:
            await headgate.stories.open_run(pipeline)


def get_names(page: str) -> list[str]:
    return re.findall(r'<a class="name" [^>]*>([^<]*)</a>', page)


def get_link(page: str, name: str) -> str | None:
    found = re.search(rf'href="([^"]*)">{name}</a>', page)
    return found[1].replace("&amp;", "&") if found else None


async def test_its_pages_contain_every_pipeline_once(headgate: InProcessHeadgate) -> None:
    await add_pipelines(headgate)
    url: str | None = "/"
    pages = []

    while url:
        pages.append((await headgate.page_client.get(url)).text)
        url = get_link(pages[-1], "Next")

    names = [name for page in pages for name in get_names(page)]
    assert len(pages) == 3 and names == [f"p{number:03}" for number in range(COUNT)]
    assert "101 to 200 of 205 pipelines" in pages[1] and get_link(pages[1], "Previous") == "/"
    assert all(len(page.encode()) < 1_000_000 for page in pages)


@pytest.mark.parametrize(
    ("query", "count"),
    [("q=p20", 5), ("q=%20P003%20", 1), ("status=waiting", 21), ("status=pending", 100), ("q=%23tenth&status=waiting", 21), ("q=none", 0)],
)
async def test_filters_look_at_all_pipelines(headgate: InProcessHeadgate, query: str, count: int) -> None:
    await add_pipelines(headgate)

    page = (await headgate.page_client.get(f"/?{query}")).text

    assert len(get_names(page)) == count
    assert ('id="no-matches" hidden' in page) == (count > 0)


async def test_a_tag_with_few_pipelines_needs_no_pages(headgate: InProcessHeadgate) -> None:
    await add_pipelines(headgate)

    page = (await headgate.page_client.get("/?tag=tenth")).text

    assert len(get_names(page)) == 21 and "data-paged" not in page and "board-range" not in page


@pytest.mark.parametrize("page", ["0", "-1", "x", "99", "9999999"])
async def test_an_unknown_page_is_the_nearest_one(headgate: InProcessHeadgate, page: str) -> None:
    await add_pipelines(headgate)

    answer = await headgate.page_client.get(f"/?page={page}")

    assert answer.status_code == 200
    assert len(get_names(answer.text)) == (5 if page == "99" else 100)


async def test_links_keep_the_other_filters_and_begin_at_the_first_page(headgate: InProcessHeadgate) -> None:
    await add_pipelines(headgate)

    page = (await headgate.page_client.get("/?q=p&page=2")).text

    assert get_link(page, "Next") == "/?q=p&page=3"
    assert 'href="/?q=p&amp;status=waiting"' in page and 'href="/?q=p" aria-current="true"' in page


async def test_a_row_that_begins_to_match_joins_the_stream(headgate: InProcessHeadgate) -> None:
    await add_pipelines(headgate)
    board = LiveBoard(headgate.page_context, BoardQuery(status="completed"))
    before = await board.render()

    run = await headgate.stories.open_run(await headgate.stories.add_pipeline("new", [a_stage("a", "external")]))
    await headgate.stories.change_run(run, end("a", Status.COMPLETED, headgate.fakes.clock.now()))
    after = await board.render()

    assert before.fragments["rows"] == "paged " and after.fragments["rows"] == f"paged {COUNT + 1}"
    assert "1 pipeline" in after.fragments["range"] and before.digest != after.digest


async def test_a_stream_has_the_rows_of_its_page_only(headgate: InProcessHeadgate) -> None:
    await add_pipelines(headgate)
    page = (await headgate.page_client.get("/?page=3")).text
    (stream,) = re.findall(r'sse-connect="([^"]+)"', page)
    path, _, query = stream.replace("&amp;", "&").partition("?")

    async with open_stream(headgate, path, query=query.split("seen=")[0]) as viewer:
        text = await viewer.until("event: range")

    assert re.findall(r"event: row-(\d+)", text) == [str(number) for number in range(201, 206)]


async def test_a_terminal_gets_every_pipeline_and_can_filter(headgate: InProcessHeadgate) -> None:
    await add_pipelines(headgate)
    headers = {"Accept": "text/plain"}

    everything = (await headgate.client.get("/", headers=headers)).text
    some = (await headgate.client.get("/?q=p20", headers=headers)).text

    assert len(re.findall(r" p\d{3} ", everything)) == COUNT
    assert re.findall(r" (p\d{3}) ", some) == [f"p20{number}" for number in range(5)]
