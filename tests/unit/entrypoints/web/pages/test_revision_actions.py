"""Restoring a revision and cloning a pipeline, and who changed what."""

import html

import httpx
import pytest

from tests.support.in_process import InProcessHeadgate

FIRST = "# first text\nname: nightly   # mine\nstages:\n  - name: a\n    command: ['true']\n"
SECOND = FIRST.replace("first text", "second text").replace("true", "false")


async def post(headgate: InProcessHeadgate, path: str, **fields: str) -> httpx.Response:
    return await headgate.page_client.post(path, data=fields)


async def get(headgate: InProcessHeadgate, path: str) -> str:
    answer = await headgate.page_client.get(path)
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


@pytest.fixture
async def revised(headgate: InProcessHeadgate) -> InProcessHeadgate:
    """A Headgate with two revisions of a pipeline."""
    assert (await post(headgate, "/ui/new", definition=FIRST)).status_code == 303
    assert (await post(headgate, "/ui/pipelines/nightly/edit", definition=SECOND, revision="1")).status_code == 303
    return headgate


async def test_restoring_shows_the_differences_asks_and_stores_the_text_again(revised: InProcessHeadgate) -> None:
    link = "/ui/pipelines/1/revisions/1/restore"
    assert link in await get(revised, "/ui/pipelines/nightly/revisions/1")
    assert link not in await get(revised, "/ui/pipelines/nightly/revisions/2")

    asked = await get(revised, link)
    answer = await post(revised, link, expected="2")

    assert "second text" in asked.split("<del>")[1].split("</del>")[0] and "first text" in asked.split("<ins>")[1]
    assert "as revision 3" in asked
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/pipelines/1")
    assert FIRST in await get(revised, "/ui/pipelines/nightly/edit")
    assert "restored from 1" in await get(revised, "/ui/pipelines/nightly")
    assert "restored from 1" in await get(revised, "/ui/pipelines/nightly/revisions/3")


@pytest.mark.parametrize("expected", ["1", "", "x", "²", "99999999999"])
async def test_a_revision_that_was_stored_meanwhile_is_shown_before_it_is_replaced(revised: InProcessHeadgate, expected: str) -> None:
    answer = await post(revised, "/ui/pipelines/nightly/revisions/1/restore", expected=expected)

    assert answer.status_code == 409
    assert "Revision 2 is the newest now" in answer.text and 'name="expected" value="2"' in answer.text
    pipeline = await revised.fakes.reader.pipeline("nightly")
    assert pipeline is not None and pipeline.revision == 2


async def test_a_revision_whose_name_is_taken_is_not_restored(revised: InProcessHeadgate) -> None:
    await post(revised, "/ui/pipelines/nightly/edit", definition=SECOND.replace("nightly", "renamed"), revision="2")
    await revised.stories.add_pipeline("nightly")

    answer = await post(revised, "/ui/pipelines/1/revisions/1/restore", expected="3")

    assert answer.status_code == 409 and "already exists" in answer.text
    assert 'href="/ui/pipelines/1/edit?begin=1"' in answer.text
    assert FIRST in await get(revised, "/ui/pipelines/1/edit?begin=1")


@pytest.mark.parametrize("number", ["9", "x", "01", "²"])
async def test_an_unknown_revision_is_a_404_page(revised: InProcessHeadgate, number: str) -> None:
    for path in (f"revisions/{number}/restore", f"edit?begin={number}"):
        assert (await revised.page_client.get(f"/ui/pipelines/nightly/{path}")).status_code == 404


async def test_a_clone_has_the_text_under_its_new_name(revised: InProcessHeadgate) -> None:
    assert "/ui/pipelines/1/clone" in await get(revised, "/ui/pipelines/nightly")
    assert 'value="nightly-copy"' in await get(revised, "/ui/pipelines/nightly/clone")

    answer = await post(revised, "/ui/pipelines/nightly/clone", name="weekly")

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/pipelines/2")
    assert SECOND.replace("nightly", "weekly") in await get(revised, "/ui/pipelines/weekly/edit")


async def test_a_pipeline_is_edited_before_it_is_cloned(revised: InProcessHeadgate) -> None:
    assert SECOND.replace("nightly", "nightly-copy") in await get(revised, "/ui/new?from=nightly")


@pytest.mark.parametrize(
    ("name", "status", "message"), [("9", 422, "begin with a letter"), ("", 422, "begin with a letter"), ("nightly", 409, "already exists")]
)
async def test_a_clone_needs_a_new_valid_name(revised: InProcessHeadgate, name: str, status: int, message: str) -> None:
    answer = await post(revised, "/ui/pipelines/nightly/clone", name=name)

    assert answer.status_code == status
    assert message in answer.text.split('id="name-error"')[1]


async def test_a_clone_of_a_scheduled_pipeline_starts_paused(headgate: InProcessHeadgate) -> None:
    await post(headgate, "/ui/new", definition=f"{FIRST}schedules: [{{name: night, cron: 30 2 * * *}}]\n")
    assert "It starts paused" in await get(headgate, "/ui/pipelines/nightly/clone")

    await post(headgate, "/ui/pipelines/nightly/clone", name="weekly")

    clone = await headgate.fakes.reader.pipeline("weekly")
    assert clone is not None and clone.paused_at is not None


async def test_the_page_shows_the_text_as_it_was_written(revised: InProcessHeadgate) -> None:
    page = await get(revised, "/ui/pipelines/nightly")

    assert SECOND in page and "second text" in page.split("<ins>")[1]


async def test_a_long_name_of_a_clone_is_an_error_of_its_field_and_stays_in_it(revised: InProcessHeadgate) -> None:
    answer = await post(revised, "/ui/pipelines/nightly/clone", name="x" * 5_000)

    assert answer.status_code == 422 and f'value="{"x" * 5_000}"' in answer.text and 'id="name-error"' in answer.text
