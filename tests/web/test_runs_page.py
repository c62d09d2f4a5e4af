"""All runs: what narrows the list, and how its pages are turned."""

import re
from datetime import timedelta

from domain.status import Status
from entrypoints.web.live_runs import PAGE_OF_RUNS
from tests.builders import a_stage
from tests.web.gallery import Gallery, end, start


def shown(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'<tr data-row data-key="r(\d+)"', text)]


async def test_runs_are_narrowed_by_everything_at_once(gallery: Gallery) -> None:
    now = gallery.fakes.clock.now()
    one, other = await gallery.pipeline("one"), await gallery.pipeline("other")
    old = await gallery.open(one, now - timedelta(days=9))
    new, foreign = await gallery.open(one), await gallery.open(other)
    failed = await gallery.open(one)
    await gallery.change(failed, lambda run: start(run, now), end("a", Status.FAILED, now, error="no"))
    day = (now - timedelta(days=2)).date()

    async def ids(query: str) -> list[int]:
        return shown((await gallery.client.get(f"/ui/runs?{query}")).text)

    assert await ids("") == [failed, foreign, new, old]
    assert await ids("pipeline=one") == [failed, new, old]
    assert await ids(f"pipeline=one&since={day}") == [failed, new]
    assert await ids(f"until={day}") == [old]
    assert await ids("pipeline=one&status=failed&trigger=dashboard") == [failed]
    assert await ids("trigger=api") == []
    assert await ids("trigger=nonsense&status=nonsense&since=yesterday") == [failed, foreign, new, old]


async def test_a_pipeline_that_is_not_there_is_a_404_page(gallery: Gallery) -> None:
    assert (await gallery.client.get("/ui/runs?pipeline=none")).status_code == 404


async def test_pages_are_turned_by_key_so_that_nothing_is_passed_over(gallery: Gallery) -> None:
    pipeline = await gallery.pipeline(stages=[a_stage("a", "external")])
    every = [await gallery.open(pipeline) for _ in range(PAGE_OF_RUNS * 2 + 7)][::-1]

    text, seen = (await gallery.client.get("/ui/runs?status=waiting")).text, []
    while True:
        seen += shown(text)
        older = re.search(r'href="([^"]+)">Older', text)
        if older is None:
            break
        await gallery.open(pipeline)  # what is opened meanwhile moves nothing
        text = (await gallery.client.get(older[1].replace("&amp;", "&"))).text
    newer = re.search(r'href="([^"]+)">Newer', text)
    back = (await gallery.client.get(newer[1].replace("&amp;", "&"))).text if newer else ""

    assert seen == every
    assert shown(back) == every[PAGE_OF_RUNS : PAGE_OF_RUNS * 2]
