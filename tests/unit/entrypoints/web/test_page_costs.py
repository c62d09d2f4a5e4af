"""What pages cost: bytes, and reads of the database."""

import gzip
import re
from collections import Counter
from typing import Any

import pytest
from dependency_injector import providers

from entrypoints.web.page_context import build_page_context
from tests.support.builders import a_stage
from tests.support.example_board import furnish
from tests.support.in_process import InProcessHeadgate

MAX_BYTES = 100_000
MAX_READS = {
    "/": 5,
    "/ui/runs": 4,
    "/ui/waiting": 3,
    "/ui/system": 4,
    "/ui/groups/": 3,
    "/ui/incidents": 3,
    "/ui/channels": 3,
    "/ui/silences": 4,
    "/ui/alert-rules": 4,
    "/ui/pipelines/certificates": 12,
    "/ui/pipelines/certificates/edit": 4,
}
"""Each includes the waiting stages and the open incidents, which every page shows."""


class CountingReader:
    """A reader that counts the calls of each method."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._reader, name)


def count_reads(headgate: InProcessHeadgate) -> CountingReader:
    """Have the pages read through a counting reader."""
    counting = CountingReader(headgate.fakes.reader)
    headgate.application.adapters.reader.override(providers.Object(counting))
    headgate.app.state.page_context = build_page_context(headgate.application)
    return counting


async def test_every_page_with_its_files_is_under_100_kb(headgate: InProcessHeadgate) -> None:
    found = await furnish(headgate)
    run = found["nightly-warehouse"]

    for path in (
        "/",
        "/ui/runs",
        "/ui/waiting",
        "/ui/system",
        "/ui/groups/",
        "/ui/incidents?state=all",
        "/ui/incidents/1",
        "/ui/channels",
        "/ui/silences",
        "/ui/alert-rules",
        "/ui/new",
        "/ui/pipelines/nightly-warehouse",
        f"/ui/runs/{run}",
    ):
        page = (await headgate.page_client.get(path)).text
        loaded = re.findall(r'<(?:script src|link rel="(?:icon|stylesheet)" href)="(/static/[^"]+)"', page)
        weight = len(gzip.compress(page.encode()))
        for url in loaded:
            weight += int((await headgate.page_client.get(url, headers={"Accept-Encoding": "gzip"})).headers["content-length"])
        assert len(loaded) > 8 and weight < MAX_BYTES, (path, weight)


@pytest.mark.parametrize("path", MAX_READS)
async def test_a_page_reads_as_often_whatever_it_shows(headgate: InProcessHeadgate, path: str) -> None:
    pipeline = await headgate.stories.add_pipeline("certificates", [a_stage("a", "external"), a_stage("b", "approval", needs=[])])
    for number in range(12):
        await headgate.stories.open_run(pipeline)
        await headgate.stories.open_run(await headgate.stories.add_pipeline(f"queued-{number}"))
    counting = count_reads(headgate)

    answer = await headgate.page_client.get(path)

    assert answer.status_code == 200
    assert 0 < counting.calls.total() <= MAX_READS[path], counting.calls


async def test_waiting_stages_and_open_incidents_are_counted_once_for_several_pages(headgate: InProcessHeadgate) -> None:
    counting = count_reads(headgate)

    for _ in range(5):
        await headgate.page_client.get("/ui/new")

    for name in ("waiting_runs", "open_incidents"):
        assert counting.calls[name] <= 2  # a second read if a second has passed
