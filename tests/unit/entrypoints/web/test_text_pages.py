"""The same board for a terminal."""

import pytest

from tests.support.example_board import furnish
from tests.support.page_harness import PageHarness

PLAIN = {"Accept": "text/plain"}


async def test_every_page_a_terminal_may_ask_for_is_plain_aligned_text(gallery: PageHarness) -> None:
    found = await furnish(gallery)

    for path in ("/", "/ui/runs", f"/ui/runs/{found['nightly-warehouse']}", "/ui/waiting", "/ui/system"):
        answer = await gallery.client.get(path, headers=PLAIN)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8", path
        assert "\x1b" not in answer.text and "<" not in answer.text and "None" not in answer.text, path


async def test_the_boards_columns_stand_under_each_other(gallery: PageHarness) -> None:
    await furnish(gallery)

    head, *rows = (await gallery.client.get("/", headers=PLAIN)).text.split("\n\n")[0].splitlines()

    place = head.index("PIPELINE")
    assert len(rows) > 10
    assert all(row[place - 1] == " " and row[place] != " " for row in rows)
    assert any("F" in row[head.index("LAST 20 RUNS") :] for row in rows)


async def test_an_empty_board_says_how_to_begin(gallery: PageHarness) -> None:
    assert "No pipelines yet" in (await gallery.client.get("/", headers=PLAIN)).text


@pytest.mark.parametrize("accept", ["text/html,text/plain;q=0.8", "text/html", "*/*"])
async def test_a_browser_gets_the_page(gallery: PageHarness, accept: str) -> None:
    answer = await gallery.client.get("/", headers={"Accept": accept})

    assert answer.headers["content-type"].startswith("text/html")


async def test_words_of_others_cannot_act_on_the_terminal(gallery: PageHarness) -> None:
    await gallery.pipeline(description="\x1b[31mred\x1b]0;title\x07 \u202eevil\nsecond")

    text = (await gallery.client.get("/", headers=PLAIN)).text

    assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
