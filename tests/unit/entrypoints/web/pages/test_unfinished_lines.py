"""The log on a run's page shows lines that are not finished yet, below the others."""

from __future__ import annotations

import re

import pytest

from tests.support.in_process import InProcessHeadgate


async def a_run(headgate: InProcessHeadgate, *unfinished: str) -> int:
    run_id = await headgate.stories.open_run(await headgate.stories.add_pipeline("nightly", ["a", "b"]))
    await headgate.stories.append_log(run_id, "a", ["one", "two"])
    await headgate.stories.show_unfinished(run_id, "a", 1, *unfinished)
    return run_id


async def get_unfinished(headgate: InProcessHeadgate, run_id: int, query: str = "") -> tuple[bool, list[str]]:
    """Return whether the list is shown, and its lines."""
    html = (await headgate.page_client.get(f"/ui/runs/{run_id}{query}")).text
    match = re.search(r'<ol id="log-unfinished"[^>]*?( hidden)?>(.*?)</ol>', html, re.DOTALL)
    assert match
    return not match[1], re.findall(r"<code>(.*?)</code>", match[2])


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", (True, ["30 of 60", "err"])),
        ("?stage=a", (True, ["30 of 60", "err"])),
        ("?stage=b", (False, [])),
        ("?stderr=1", (True, ["err"])),
        ("?before=2", (False, [])),
        ("?view=list", (True, ["30 of 60", "err"])),
    ],
)
async def test_the_newest_lines_are_followed_by_unfinished_ones(
    headgate: InProcessHeadgate, query: str, shown: tuple[bool, list[str]]
) -> None:
    assert await get_unfinished(headgate, await a_run(headgate, "30 of 60", "!err"), query) == shown


async def test_a_log_without_unfinished_lines_shows_none(headgate: InProcessHeadgate) -> None:
    assert await get_unfinished(headgate, await a_run(headgate)) == (False, [])


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\x1b[31m<b>red\x1b[0m", "{{ 7*7 }}", "</code></li></ol><h1>x</h1>"])
async def test_their_text_is_inert(headgate: InProcessHeadgate, text: str) -> None:
    html = (await headgate.page_client.get(f"/ui/runs/{await a_run(headgate, text)}")).text

    assert not [tag for tag in ("<script>alert", "<b>red", "<h1>x", ">49<") if tag in html]
