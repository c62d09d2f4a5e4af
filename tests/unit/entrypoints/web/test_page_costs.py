"""What pages cost: bytes, questions to the store, drawings. Counts, so that what was won stays won."""

import gzip
import re
from collections import Counter
from typing import Any

import pytest

from tests.support.builders import a_stage
from tests.support.example_board import furnish
from tests.support.in_process import InProcessHeadgate

MOST_BYTES = 100_000
MOST_QUESTIONS = {
    "/": 4,
    "/ui/runs": 3,
    "/ui/waiting": 3,
    "/ui/system": 4,
    "/ui/pipelines/certificates": 8,
    "/ui/pipelines/certificates/edit": 3,
}


class Counting:
    """A reader that counts what it is asked."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.asked[name] += 1
        return getattr(self._reader, name)


async def test_no_page_weighs_100_kb_with_everything_it_loads(headgate: InProcessHeadgate) -> None:
    found = await furnish(headgate)
    run = found["nightly-warehouse"]

    for path in ("/", "/ui/runs", "/ui/waiting", "/ui/system", "/ui/new", "/ui/pipelines/nightly-warehouse", f"/ui/runs/{run}"):
        page = (await headgate.page_client.get(path)).text
        loaded = re.findall(r'<(?:script src|link rel="(?:icon|stylesheet)" href)="(/static/[^"]+)"', page)
        weight = len(gzip.compress(page.encode()))
        for url in loaded:
            weight += int((await headgate.page_client.get(url, headers={"Accept-Encoding": "gzip"})).headers["content-length"])
        assert len(loaded) > 8 and weight < MOST_BYTES, (path, weight)


@pytest.mark.parametrize("path", MOST_QUESTIONS)
async def test_a_page_asks_the_store_as_often_whatever_it_shows(
    headgate: InProcessHeadgate, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = await headgate.stories.add_pipeline("certificates", [a_stage("a", "external"), a_stage("b", "approval", needs=[])])
    for number in range(12):
        await headgate.stories.open_run(pipeline)
        await headgate.stories.open_run(await headgate.stories.add_pipeline(f"queued-{number}"))
    counting = Counting(headgate.fakes.reader)
    site = headgate.page_context
    for holder, name in ((site.waiting_counter, "_reader"), (site.run_context_cache, "_reader")):
        monkeypatch.setattr(holder, name, counting)
    object.__setattr__(site, "reader", counting)
    object.__setattr__(site.run_context_cache._look_around, "reader", counting)

    answer = await headgate.page_client.get(path)

    assert answer.status_code == 200
    assert 0 < counting.asked.total() <= MOST_QUESTIONS[path], counting.asked


async def test_what_waits_is_counted_once_for_pages_asked_for_together(
    headgate: InProcessHeadgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(headgate.fakes.reader)
    monkeypatch.setattr(headgate.page_context.waiting_counter, "_reader", counting)

    for _ in range(5):
        await headgate.page_client.get("/ui/new")

    assert counting.asked["waiting_runs"] <= 2  # one more if a second has gone by
