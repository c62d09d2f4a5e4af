"""Lines that are not finished yet come last, with the number of the line before them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate


async def a_run(headgate: InProcessHeadgate) -> int:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("nightly", ["a", "b"]))
    await headgate.stories.append_log(run_id, "a", ["one", "two"])
    await headgate.stories.show_unfinished(run_id, "a", 1, "30 of 60", "!err")
    await headgate.stories.show_unfinished(run_id, "b", 1, "other")
    return run_id


async def get(headgate: InProcessHeadgate, run_id: int, query: str = "") -> list[tuple[Any, ...]]:
    answer = await headgate.client.get(f"/runs/{run_id}/logs{query}")
    return [(line["n"], line["text"], line["unfinished"]) for line in answer.json()]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [(1, "one", False), (2, "two", False), (2, "30 of 60", True), (2, "err", True), (2, "other", True)]),
        ("?stage=a&after=1", [(2, "two", False), (2, "30 of 60", True), (2, "err", True)]),
        ("?stage=b", [(0, "other", True)]),
        ("?after=2&stage=b&attempt=1", [(2, "other", True)]),
        ("?limit=1", [(1, "one", False)]),
        ("?limit=2&stage=a", [(1, "one", False), (2, "two", False), (2, "30 of 60", True), (2, "err", True)]),
    ],
)
async def test_the_last_page_ends_with_them(headgate: InProcessHeadgate, query: str, expected: list[tuple[Any, ...]]) -> None:
    assert await get(headgate, await a_run(headgate), query) == expected


async def test_lines_that_a_program_still_changes_are_lines_of_their_own(headgate: InProcessHeadgate) -> None:
    run_id = await a_run(headgate)
    await headgate.stories.show_unfinished(run_id, "b", 2, "outer 1\n\x1b[32minner 7\x1b[0m")

    assert await get(headgate, run_id, "?stage=b") == [(0, "outer 1", True), (0, "inner 7", True)]


async def test_a_client_that_continues_after_them_gets_the_finished_line(headgate: InProcessHeadgate) -> None:
    run_id = await a_run(headgate)
    last = (await get(headgate, run_id, "?stage=a"))[-1]
    await headgate.stories.show_unfinished(run_id, "a", 2)
    await headgate.stories.append_log(run_id, "a", ["60 of 60"], first=2)

    assert await get(headgate, run_id, f"?stage=a&after={last[0]}") == [(3, "60 of 60", False)]


async def test_the_text_of_a_log_ends_with_them(headgate: InProcessHeadgate) -> None:
    run_id = await a_run(headgate)

    whole = await headgate.client.get(f"/runs/{run_id}/logs", headers={"Accept": "text/plain"})
    stage = await headgate.client.get(f"/runs/{run_id}/logs?stage=b", headers={"Accept": "text/plain"})

    texts = ["a[1] stdout  one", "a[1] stdout  two", "a[1] stdout  30 of 60", "a[1] stderr  err", "b[1] stdout  other"]
    assert [line.partition("Z  ")[2] for line in whole.text.splitlines()] == texts
    assert [line.partition("Z  ")[2] for line in stage.text.splitlines()] == texts[-1:]


async def test_a_stream_sends_each_state_and_the_end_of_it(headgate: InProcessHeadgate) -> None:
    run_id = await a_run(headgate)

    async with open_stream(headgate, f"/runs/{run_id}/logs", query="stage=a") as viewer:
        await viewer.until("30 of 60")
        await headgate.stories.show_unfinished(run_id, "a", 2, "45 of 60")
        await headgate.publish_changes((run_id,))
        await viewer.until("45 of 60")
        await headgate.stories.show_unfinished(run_id, "a", 3)
        await headgate.stories.append_log(run_id, "a", ["60 of 60"], first=2)
        await headgate.publish_changes((run_id,))
        await viewer.until("event: unfinished\ndata: []\n\n")

    assert viewer.text.count("event: line\n") == 3
    assert "id: 3\nevent: line" in viewer.text
