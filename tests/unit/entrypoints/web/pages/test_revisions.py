"""A pipeline's history and revisions, and edits that lose no text."""

import re

import httpx
import pytest

from tests.support.builders import a_definition, a_stage
from tests.support.example_board import furnish, revise
from tests.support.in_process import InProcessHeadgate

BOMB = (
    "a: &a [1,1,1,1,1,1,1,1]\n"
    + "".join(f"{name}: &{name} [{','.join([f'*{before}'] * 8)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True))
    + "name: x\nstages: [*g]\n"
)


async def edit(headgate: InProcessHeadgate, text: str, revision: int = 1) -> httpx.Response:
    return await headgate.page_client.post("/ui/pipelines/nightly/edit", data={"definition": text, "revision": str(revision)})


async def test_the_page_shows_trends_on_the_grid_and_as_a_table(headgate: InProcessHeadgate) -> None:
    await furnish(headgate)

    text = (await headgate.page_client.get("/ui/pipelines/nightly-warehouse")).text

    grid = text.split('class="stage-grid"')[1].split("</table>")[0]
    assert grid.count('data-key="b') == 27 == text.split('class="as-table"')[1].split("</details>")[0].count("<tr data-key")
    assert 'colspan="27"' in grid and 'width="648"' in grid
    assert "fact-orders" in text.split("Most failures")[1].split("Similar failures")[0]
    assert "once, last" in text.split("Similar failures")[1]


async def test_a_saved_edit_is_a_new_revision_with_a_summary(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline(stages=["a"])
    form = (await headgate.page_client.get("/ui/pipelines/nightly/edit")).text
    assert "- name: a" in form and 'name="revision" value="1"' in form

    saved = await edit(headgate, "name: nightly\nstages:\n  - {name: a, command: ['true'], timeout: 9}\n")
    difference = (await headgate.page_client.get("/ui/pipelines/nightly/revisions/2")).text

    assert saved.status_code == 303
    assert "timeout: 9" in difference.split("<ins>")[1].split("</ins>")[0]
    assert "Changed stage a (timeout 3600 s → 9 s)" in difference


async def test_any_two_revisions_are_compared(headgate: InProcessHeadgate) -> None:
    await furnish(headgate)
    await revise(headgate)

    text = (await headgate.page_client.get("/ui/pipelines/nightly-warehouse/revisions/3?against=1")).text

    assert "From 1 to 3" in text
    assert text.count("<ins>") >= 4 and "BATCH" in text and "retry_on_loss" in text


@pytest.mark.parametrize("path", ["revisions/9", "revisions/x", "revisions/1?against=9"])
async def test_an_unknown_revision_is_a_404_page(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.stories.add_pipeline()

    assert (await headgate.page_client.get(f"/ui/pipelines/nightly/{path}")).status_code == 404


async def test_an_edit_of_an_outdated_revision_is_kept_but_not_saved(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline(stages=["a"])
    await edit(headgate, "name: nightly\ndescription: theirs\nstages: [{name: a, command: ['true']}]")

    mine = await edit(headgate, "name: nightly\ndescription: mine\nstages: [{name: a, command: ['true']}]")

    assert mine.status_code == 409
    text = mine.text
    assert "description: mine" in text and "Revision 2 was stored" in text and 'name="revision" value="2"' in text
    stored = await headgate.fakes.reader.pipeline("nightly")
    assert stored is not None and stored.definition.description == "theirs"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("name: nightly\nstages: [{name: a, command: ['true'], timeout: -1}]", "stages[0].timeout"),
        ("name: nightly\nstages: [", "Line 2"),
        ("- a list", "must be an object with the keys name and stages"),
        ("", "must be an object with the keys name and stages"),
        (BOMB, "aliases"),
        ("[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("name: nightly\nname: again", "duplicate key"),
        ("name: nightly\nstages: [{name: a, command: ['\\0']}]\ntags: [Not This]", "tags"),
        ("name: !!python/object/apply:os.system [true]", "Line 1"),
    ],
)
async def test_an_invalid_definition_is_shown_again_with_its_errors(headgate: InProcessHeadgate, text: str, error: str) -> None:
    await headgate.stories.add_pipeline()

    answer = await edit(headgate, text)

    assert answer.status_code == 422
    assert error in answer.text and "aria-invalid" in answer.text
    stored = await headgate.fakes.reader.pipeline("nightly")
    assert stored is not None and stored.revision == 1


async def test_the_name_of_another_pipeline_is_refused(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline()
    await headgate.stories.add_pipeline("taken")

    answer = await edit(headgate, "name: taken\nstages: [{name: a, command: ['true']}]")

    assert answer.status_code == 409 and "already exists" in answer.text


async def test_tags_are_shown_and_filter_the_board(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline("tagged", tags=["sql", "nightly"])
    await headgate.stories.add_pipeline("plain")

    text = (await headgate.page_client.get("/?tag=sql")).text

    assert 'href="/?tag=nightly"' in text
    assert 'data-search-text="tagged' in text
    assert 'data-search-text="plain' not in text


@pytest.mark.parametrize("tags", ["sql", ["Big"], ["a b"], [1], ["x" * 31], ["t"] * 21, [""]])
async def test_tags_are_short_words(headgate: InProcessHeadgate, tags: object) -> None:
    raw = {"name": "tagged", "stages": [a_stage()], "tags": tags}

    answer = await headgate.page_client.post("/pipelines/", json=raw, headers={"Accept": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == ("tags[0]" if tags == [1] else "tags")


def test_a_definition_without_tags_has_none() -> None:
    assert a_definition().tags == ()


@pytest.mark.parametrize(("number", "listed"), [(1, range(11, 0, -1)), (30, range(40, 20, -1)), (50, range(50, 30, -1))])
async def test_a_revision_of_many_is_listed_among_its_neighbours(headgate: InProcessHeadgate, number: int, listed: range) -> None:
    await headgate.stories.add_pipeline(stages=["a"])
    for revision in range(1, 50):
        await edit(headgate, f"name: nightly\nstages: [{{name: a, command: ['{revision}']}}]", revision)

    page = (await headgate.page_client.get(f"/ui/pipelines/nightly/revisions/{number}")).text

    shown = page.split('<ol class="revisions">')[1].split("</ol>")[0]
    assert [int(each) for each in re.findall(r"<strong>(\d+)</strong>", shown)] == list(listed)
    assert ("Newer revisions" in page) == (listed[0] < 50) and ("Earlier revisions" in page) == (listed[-1] > 1)
    assert len(re.findall(r"<option", page)) == (49 if number > 1 else 0)
    assert "45 earlier" in (await headgate.page_client.get("/ui/pipelines/nightly")).text
