"""The live parts: drawn once for all viewers, no gap, no repeat, nothing that depends on who looks."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Any

import pytest

from adapters.system.clock import SystemClock
from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.logs import LogFilter
from domain.runs.status import Status
from entrypoints.web.live.board import LiveBoard
from entrypoints.web.live.run_page import LiveRunPage
from entrypoints.web.live.view import format_sse_event
from entrypoints.web.live.viewer import BUFFERED_MESSAGES, Viewer
from tests.support.example_board import furnish
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end, start


@pytest.fixture
async def headgate() -> AsyncIterator[InProcessHeadgate]:
    """With its feed being read."""
    headgate = InProcessHeadgate(clock=SystemClock())
    feed = asyncio.ensure_future(headgate.run_feed_reader())
    async with headgate.page_client:
        yield headgate
    feed.cancel()
    await asyncio.gather(feed, return_exceptions=True)


class Reading:
    """What one viewer got so far."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self.text = ""

    async def until(self, *texts: str) -> str:
        async with asyncio.timeout(5):
            while not all(text in self.text for text in texts):
                data = await self._viewer.next(5)
                self.text += (data or b"").decode()
        return self.text

    @property
    def log_numbers(self) -> list[int]:
        return [int(number) for number in re.findall(r'data-n="(\d+)"', self.text)]


@asynccontextmanager
async def looking(headgate: InProcessHeadgate, run_id: int, **options: Any) -> AsyncIterator[Reading]:
    site = headgate.page_context
    async with site.live.join(("run", run_id), LiveRunPage(site, run_id, "waterfall", LogFilter()), **options) as viewer:
        yield Reading(viewer)


async def test_a_change_reaches_a_viewer_within_100_ms(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline()

    assert min([await _seconds_to_a_viewer(headgate, await headgate.stories.open_run(pipeline)) for _ in range(5)]) < 0.1


async def _seconds_to_a_viewer(headgate: InProcessHeadgate, run_id: int) -> float:
    async with looking(headgate, run_id) as reading:
        await reading.until("event: events")
        reading.text = ""

        begin = perf_counter()
        await headgate.stories.change_run(run_id, lambda run: start(run, headgate.fakes.clock.now()))
        await reading.until("has been running for")

        return perf_counter() - begin


async def test_a_change_is_drawn_once_for_fifty_viewers(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline(stages=[{"name": "a", "kind": "external"}]))
    site = headgate.page_context
    async with AsyncExitStack() as stack:
        readings = [await stack.enter_async_context(looking(headgate, run_id)) for _ in range(50)]
        for reading in readings:
            await reading.until("event: events")
        before = site.live.render_count

        await headgate.stories.change_run(run_id, end("a", Status.COMPLETED, headgate.fakes.clock.now(), records=4_321))
        for reading in readings:
            await reading.until("4,321")

        assert site.live.render_count == before + 1
        assert len({reading.text for reading in readings}) == 1


async def test_a_viewer_that_comes_back_gets_the_lines_it_missed_once(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())
    await headgate.stories.append_log(run_id, "a", [f"line {n}" for n in range(5)])
    async with looking(headgate, run_id) as reading:
        await reading.until('data-n="5"')
        await headgate.stories.append_log(run_id, "a", ["line 6", "line 7"], first=5)
        await reading.until('data-n="7"')
        assert reading.log_numbers == [1, 2, 3, 4, 5, 6, 7]
    await headgate.stories.append_log(run_id, "a", ["line 8", "line 9"], first=7)

    async with looking(headgate, run_id, after=7) as reading:
        await reading.until('data-n="9"')
        assert reading.log_numbers == [8, 9]


async def test_a_viewer_far_behind_gets_the_newest_thousand_lines(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())
    await headgate.stories.append_log(run_id, "a", [f"line {n}" for n in range(1_500)])

    async with looking(headgate, run_id, after=10) as reading:
        await reading.until('data-n="1500"')

        assert "event: log-reset" in reading.text
        assert len(reading.log_numbers) == 1_000


async def test_who_has_the_state_already_is_not_sent_it_again(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())
    run = await headgate.fakes.reader.run(run_id)
    assert run is not None
    async with looking(headgate, run_id, seen=f"{run.last_seq}.0.1") as reading:
        await headgate.stories.append_log(run_id, "a", ["hello"])
        await reading.until("hello")

        assert "event: facts" not in reading.text


async def test_fragments_hold_no_button_form_field_or_token(headgate: InProcessHeadgate) -> None:
    found = await furnish(headgate)
    site = headgate.page_context
    views = [LiveRunPage(site, run_id, view, LogFilter()) for run_id in found.values() for view in ("graph", "waterfall", "list")]

    for view in (LiveBoard(site), *views):
        for name, html in (await view.render()).fragments.items():
            assert not re.search(r"<(button|form|input|select|script)|csrf|token", html), name


async def test_a_row_of_the_board_is_drawn_once_until_any_of_its_runs_changes(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline(stages=["a"])
    earlier, latest = await headgate.stories.open_run(pipeline), await headgate.stories.open_run(pipeline)
    now = headgate.fakes.clock.now()
    await headgate.stories.change_run(latest, lambda run: run.cancel(now, "mara"))
    first = await LiveBoard(headgate.page_context).render()
    drawn = headgate.page_context.rendered_board_rows[pipeline.id]

    again = await LiveBoard(headgate.page_context).render()
    unchanged = headgate.page_context.rendered_board_rows[pipeline.id] is drawn
    await headgate.stories.change_run(earlier, lambda run: run.cancel(now, "mara"))
    after = await LiveBoard(headgate.page_context).render()

    assert unchanged
    assert first.digest == again.digest != after.digest
    assert after.fragments[f"row-{pipeline.id}"] != first.fragments[f"row-{pipeline.id}"]


async def test_the_end_of_a_run_is_announced_once(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline(stages=["a"]))
    async with looking(headgate, run_id) as reading:
        await headgate.stories.change_run(run_id, lambda run: start(run, headgate.fakes.clock.now()))
        await headgate.stories.change_run(run_id, end("a", Status.COMPLETED, headgate.fakes.clock.now()))
        await reading.until("event: announce")

        assert reading.text.count("event: announce") == 1
        assert "data: nightly #1: completed." in reading.text


async def test_a_stream_outlives_a_database_that_was_gone(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())
    async with looking(headgate, run_id) as reading:
        await reading.until("event: events")
        headgate.fakes.store.is_down = True
        headgate.application.hub().publish(ChangeBatch([], "x", (run_id,)))
        await asyncio.sleep(0)
        headgate.fakes.store.is_down = False
        await headgate.stories.append_log(run_id, "a", ["back again"])

        await reading.until("back again")


async def test_an_unknown_run_is_404_before_a_stream_begins(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.get("/ui/live/runs/99", headers={"Accept": "text/event-stream"})

    assert answer.status_code == 404


async def test_closing_ends_every_stream(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())
    async with looking(headgate, run_id) as reading:
        await reading.until("event: events")

        headgate.application.hub().close()

        with pytest.raises(EOFError):
            await reading.until("never")


async def test_nothing_is_left_behind_when_the_last_viewer_leaves(headgate: InProcessHeadgate) -> None:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline())
    async with looking(headgate, run_id):
        assert headgate.application.hub().viewer_count == 2  # the view, and the frame around every view
    await asyncio.sleep(0)

    assert headgate.application.hub().viewer_count == 0


async def test_a_viewer_too_slow_for_its_buffer_is_ended() -> None:
    viewer = Viewer()

    for _ in range(BUFFERED_MESSAGES + 1):
        viewer.offer(b"x")

    with pytest.raises(EOFError):
        await viewer.next(1)


def test_no_line_end_in_the_data_can_forge_an_event() -> None:
    assert (
        format_sse_event("log", "a\r\nevent: evil\rid: 9\n\ndata: x", 3)
        == b"event: log\nid: 3\ndata: a\ndata: event: evil\ndata: id: 9\ndata: \ndata: data: x\n\n"
    )


async def test_a_board_of_one_tag_is_drawn_and_kept_up_without_the_others(headgate: InProcessHeadgate) -> None:
    tagged, other = (
        await headgate.stories.add_pipeline("tagged", tags=["sql"]),
        await headgate.stories.add_pipeline("other", tags=["python"]),
    )
    page = (await headgate.page_client.get("/?tag=sql")).text
    (stream,) = re.findall(r'sse-connect="([^"]+)"', page)
    view = LiveBoard(headgate.page_context, "sql")
    await view.render()
    feed = headgate.fakes.change_feed
    since = await feed.position()
    now = headgate.fakes.clock.now()
    for pipeline in (other, tagged):
        run = await headgate.stories.open_run(pipeline)
        await headgate.stories.change_run(run, lambda run: run.cancel(now, "mara"))
    batch = await feed.read(since)

    assert re.findall(r'id="pipeline-(\d+)"', page) == [str(tagged.id)]
    assert f'id="board" data-status="" data-rows="{tagged.id}"' in page and ">All <b>1</b>" in page
    assert "tag=sql" in stream
    drawn = (await view.render()).fragments
    assert [name for name in drawn if name.startswith("row-")] == [f"row-{tagged.id}"] and drawn["rows"] == str(tagged.id)
    assert drawn["count-cancelled"] == "1"
    assert view.get_announcement(batch) == "tagged: cancelled."
    async with headgate.page_context.live.join(("board", "sql"), LiveBoard(headgate.page_context, "sql")) as viewer:
        reading = Reading(viewer)
        await headgate.stories.open_run(tagged)
        await reading.until(f"event: row-{tagged.id}")
        assert f"event: row-{other.id}" not in reading.text


async def test_a_tag_that_no_pipeline_has_says_so(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline()

    page = (await headgate.page_client.get("/?tag=none")).text

    assert 'id="no-matches">No pipelines match.' in page and "pipeline-1" not in page
