"""Pages and fragments of logs with long lines."""

import re

import pytest

from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate

MAX_BYTES = 1_000_000
LONG_LINES = {
    "plain": "x" * 8_000,
    "markup": "<&" * 4_000,
    "colours": "\x1b[31mr\x1b[32mg" * 700,
    "control characters": "\x07\x01" * 4_000,
    "directions": "\u202e\u2066" * 4_000,
    "of 100,000 characters": "y" * 100_000,
}


async def add_lines(headgate: InProcessHeadgate, line: str, count: int) -> int:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("nightly", ["a"]))
    await headgate.stories.append_log(run_id, "a", [line] * count)
    return run_id


def get_numbers(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<li id="L\d+"[^>]* data-n="(\d+)"', html)]


@pytest.mark.parametrize("kind", LONG_LINES)
async def test_every_line_is_on_a_page_below_a_megabyte(headgate: InProcessHeadgate, kind: str) -> None:
    run_id = await add_lines(headgate, LONG_LINES[kind], 40)
    url: str | None = f"/ui/runs/{run_id}"
    seen: list[int] = []

    while url:
        page = (await headgate.page_client.get(url)).text
        assert len(page.encode()) < MAX_BYTES
        seen = [*get_numbers(page), *seen]
        link = re.search(r'href="([^"]*before=\d+[^"]*)">Earlier', page)
        url = link[1].replace("&amp;", "&") if link else None

    assert seen == list(range(1, 41))


@pytest.mark.parametrize("kind", LONG_LINES)
async def test_fragments_say_whether_more_lines_follow(headgate: InProcessHeadgate, kind: str) -> None:
    run_id = await add_lines(headgate, LONG_LINES[kind], 40)
    after, seen = 0, list[int]()

    for _ in range(40):
        answer = await headgate.page_client.get(f"/ui/runs/{run_id}/lines?after={after}")
        assert len(answer.content) < MAX_BYTES
        seen += get_numbers(answer.text)
        after = seen[-1]
        if answer.headers["headgate-more"] == "no":
            break

    assert seen == list(range(1, 41))


@pytest.mark.parametrize("target", [1, 20, 40])
async def test_a_page_around_a_long_line_contains_it(headgate: InProcessHeadgate, target: int) -> None:
    run_id = await add_lines(headgate, LONG_LINES["directions"], 40)

    page = (await headgate.page_client.get(f"/ui/runs/{run_id}?line={target}")).text

    assert target in get_numbers(page) and len(page.encode()) < MAX_BYTES


async def test_a_stream_replaces_lines_that_are_too_long_by_the_newest(headgate: InProcessHeadgate) -> None:
    run_id = await add_lines(headgate, LONG_LINES["directions"], 40)

    async with open_stream(headgate, f"/ui/live/runs/{run_id}", query="after=0") as viewer:
        text = await viewer.until("event: log-reset")

    assert 'data-n="40"' in text and 'data-n="1"' not in text and len(text) < MAX_BYTES
