"""Pages as plain text for terminals."""

import pytest

from tests.support.example_board import furnish
from tests.support.in_process import InProcessHeadgate

PLAIN = {"Accept": "text/plain"}


async def test_pages_for_terminals_are_aligned_plain_text(headgate: InProcessHeadgate) -> None:
    found = await furnish(headgate)

    for path in (
        "/",
        "/ui/runs",
        f"/ui/runs/{found['nightly-warehouse']}",
        "/ui/waiting",
        "/ui/schedule",
        "/ui/schedule?view=week",
        "/ui/system",
        "/ui/groups/",
    ):
        answer = await headgate.page_client.get(path, headers=PLAIN)
        assert answer.headers["content-type"] == "text/plain; charset=utf-8", path
        assert "\x1b" not in answer.text and "<" not in answer.text and "None" not in answer.text, path


async def test_the_columns_of_the_board_are_aligned(headgate: InProcessHeadgate) -> None:
    await furnish(headgate)

    parts = (await headgate.page_client.get("/", headers=PLAIN)).text.split("\n\n")
    head, *rows = next(part for part in parts if "PIPELINE" in part).splitlines()

    place = head.index("PIPELINE")
    assert len(rows) > 10
    assert all(row[place - 1] == " " and row[place] != " " for row in rows)
    assert any("F" in row[head.index("LAST 20 RUNS") :] for row in rows)


async def test_an_empty_board_says_how_to_create_a_pipeline(headgate: InProcessHeadgate) -> None:
    assert "No pipelines yet" in (await headgate.page_client.get("/", headers=PLAIN)).text


@pytest.mark.parametrize("accept", ["text/html,text/plain;q=0.8", "text/html", "*/*"])
async def test_a_browser_gets_html(headgate: InProcessHeadgate, accept: str) -> None:
    answer = await headgate.page_client.get("/", headers={"Accept": accept})

    assert answer.headers["content-type"].startswith("text/html")


async def test_text_from_others_cannot_control_the_terminal(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline(description="\x1b[31mred\x1b]0;title\x07 \u202eevil\nsecond")

    text = (await headgate.page_client.get("/", headers=PLAIN)).text

    assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
