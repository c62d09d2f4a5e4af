"""The run list: filters and paging."""

import re
from datetime import UTC, datetime, timedelta

from domain.runs.status import Status
from entrypoints.web.live.run_list import RUNS_PER_PAGE, LiveRunList
from entrypoints.web.page_context import build_page_context
from entrypoints.web.run_list_query import parse_run_list_query
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end, start


def get_run_ids(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'<tr data-row data-key="r(\d+)"', text)]


async def test_runs_are_filtered_by_all_criteria_at_once(headgate: InProcessHeadgate) -> None:
    now = headgate.fakes.clock.now()
    one, other = await headgate.stories.add_pipeline("one"), await headgate.stories.add_pipeline("other")
    old = await headgate.stories.open_run(one, now - timedelta(days=9))
    new, foreign = await headgate.stories.open_run(one), await headgate.stories.open_run(other)
    failed = await headgate.stories.open_run(one)
    await headgate.stories.change_run(failed, lambda run: start(run, now), end("a", Status.FAILED, now, error="no"))
    day = (now - timedelta(days=2)).date()

    async def ids(query: str) -> list[int]:
        return get_run_ids((await headgate.page_client.get(f"/ui/runs?{query}")).text)

    assert await ids("") == [failed, foreign, new, old]
    assert await ids("pipeline=one") == [failed, new, old]
    assert await ids(f"pipeline=one&since={day}") == [failed, new]
    assert await ids(f"until={day}") == [old]
    assert await ids("pipeline=one&status=failed&trigger=dashboard") == [failed]
    assert await ids("trigger=api") == []
    assert await ids("trigger=nonsense&status=nonsense&since=yesterday") == [failed, foreign, new, old]


async def test_part_of_a_name_finds_runs_of_all_matching_pipelines(headgate: InProcessHeadgate) -> None:
    names = ("nightly-load", "nightly-load-2", "Weekly_LOAD", "other")
    ids = {name: await headgate.stories.open_run(await headgate.stories.add_pipeline(name)) for name in names}

    async def found(query: str) -> list[int]:
        return get_run_ids((await headgate.page_client.get(f"/ui/runs?pipeline={query}")).text)

    page = (await headgate.page_client.get("/ui/runs?pipeline=nobody")).text
    assert await found("load") == [ids["Weekly_LOAD"], ids["nightly-load-2"], ids["nightly-load"]]
    assert await found("nightly-load") == [ids["nightly-load"]]
    assert await found("y_") == [ids["Weekly_LOAD"]]
    assert await found("%25") == []
    assert "No runs match." in page and 'value="nobody"' in page
    assert re.findall(r'<option value="([^"]+)"></option>', page) == sorted(names)


async def test_a_list_filtered_by_part_of_a_name_is_live(headgate: InProcessHeadgate) -> None:
    load, other = await headgate.stories.add_pipeline("nightly-load"), await headgate.stories.add_pipeline("other")
    context = build_page_context(headgate.app.state.application)
    view = LiveRunList(context, await parse_run_list_query(context, {"pipeline": "load"}))
    feed = headgate.fakes.change_feed
    since = await feed.position()
    mine = await headgate.stories.open_run(load)
    own_batch = await feed.read(since)
    await headgate.stories.open_run(other)
    other_batch = await feed.read(own_batch.cursor)

    assert (view.get_effect(own_batch), view.get_effect(other_batch)) == ((True, False), (False, False))
    assert get_run_ids((await view.render()).fragments["runs"]) == [mine]


async def test_days_are_in_the_time_zone_of_the_url(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline()
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    before, after = (
        await headgate.stories.open_run(pipeline, midnight - timedelta(hours=2)),
        await headgate.stories.open_run(pipeline, midnight + timedelta(hours=2)),
    )

    async def found(query: str) -> list[int]:
        return get_run_ids((await headgate.page_client.get(f"/ui/runs?{query}")).text)

    assert await found("since=2026-03-02") == [after]
    assert await found("since=2026-03-02&zone=Europe/Berlin") == [after]
    assert await found("since=2026-03-02&zone=Asia/Tokyo") == [after, before]
    assert await found("until=2026-03-01&zone=America/New_York") == [after, before]
    for nonsense in ("Nowhere/Land", "../../etc/passwd", "Europe", "x" * 300, "%00", "%ED%A0%80"):
        assert await found(f"since=2026-03-02&zone={nonsense}") == [after], nonsense


async def test_a_day_at_the_end_of_the_calendar_is_accepted(headgate: InProcessHeadgate) -> None:
    run = await headgate.stories.open_run(await headgate.stories.add_pipeline())

    assert get_run_ids((await headgate.page_client.get("/ui/runs?until=9999-12-31&since=0001-01-01&zone=Asia/Tokyo")).text) == [run]


async def test_links_on_a_page_keep_its_days_and_time_zone(headgate: InProcessHeadgate) -> None:
    await headgate.stories.open_run(await headgate.stories.add_pipeline())

    page = (await headgate.page_client.get("/ui/runs?since=2020-01-01&zone=Asia/Tokyo")).text
    old = (await headgate.page_client.get("/ui/runs?since=2020-01-01")).text
    fresh = (await headgate.page_client.get("/ui/runs")).text

    assert 'name="zone" value="Asia/Tokyo"' in page and "zone=Asia%2FTokyo" in page and "<span data-zone-name>Asia/Tokyo</span>" in page
    assert 'name="zone" value="UTC"' in old
    assert 'name="zone" value=""' in fresh


async def test_paging_by_run_id_skips_no_run(headgate: InProcessHeadgate) -> None:
    pipeline = await headgate.stories.add_pipeline(stages=[a_stage("a", "external")])
    every = [await headgate.stories.open_run(pipeline) for _ in range(RUNS_PER_PAGE * 2 + 7)][::-1]

    text, seen = (await headgate.page_client.get("/ui/runs?status=waiting")).text, []
    while True:
        seen += get_run_ids(text)
        older = re.search(r'href="([^"]+)">Older', text)
        if older is None:
            break
        await headgate.stories.open_run(pipeline)  # a new run does not shift the page
        text = (await headgate.page_client.get(older[1].replace("&amp;", "&"))).text
    newer = re.search(r'href="([^"]+)">Newer', text)
    back = (await headgate.page_client.get(newer[1].replace("&amp;", "&"))).text if newer else ""

    assert seen == every
    assert get_run_ids(back) == every[RUNS_PER_PAGE : RUNS_PER_PAGE * 2]
