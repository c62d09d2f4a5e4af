"""The editor over HTTP, as a browser without scripts uses it: nothing that was typed is lost."""

import html
import re
from typing import Any

import httpx
import pytest

from entrypoints.definitions.yaml_reader import parse_definition
from entrypoints.web.view_models.editor.examples import EXAMPLES
from tests.support.in_process import InProcessHeadgate

TEXT = """\
# The nightly job
name: nightly   # do not rename
stages:
  - name: a     # first
    command: ['true']
"""
STAGE = {"stage-name": "b", "stage-kind": "external"}


def get_text(answer: httpx.Response) -> str:
    """Return the text in the editor."""
    return html.unescape(answer.text.split('id="definition"')[1].split(">", 1)[1].split("</textarea>")[0].removeprefix("\n"))


async def post(headgate: InProcessHeadgate, path: str, text: str = TEXT, **fields: Any) -> httpx.Response:
    return await headgate.page_client.post(path, data={"definition": text, "revision": "1", **fields})


async def create(headgate: InProcessHeadgate, text: str = TEXT) -> None:
    assert (await post(headgate, "/ui/new", text)).status_code == 303


async def test_a_text_is_stored_and_edited_as_it_was_written(headgate: InProcessHeadgate) -> None:
    await create(headgate)

    form = await headgate.page_client.get("/ui/pipelines/nightly/edit")

    assert get_text(form) == TEXT
    assert (await post(headgate, "/ui/pipelines/nightly/edit", TEXT + "# more\n")).status_code == 303
    assert get_text(await headgate.page_client.get("/ui/pipelines/nightly/edit")) == TEXT + "# more\n"


async def test_a_pipeline_is_created_from_the_form_alone(headgate: InProcessHeadgate) -> None:
    typed = {
        "name": "backup",
        "description": "Every night",
        "stage-name": "dump",
        "stage-kind": "command",
        "stage-command": "echo -n 'a b'",
    }

    answer = await post(headgate, "/ui/new", "", **typed)

    assert answer.status_code == 303
    stored = await headgate.fakes.reader.pipeline("backup")
    assert stored is not None and stored.definition.description == "Every night"
    assert stored.definition.stages[0].command == ("echo", "-n", "a b")


@pytest.mark.parametrize("base", ["/ui/new", "/ui/pipelines/nightly/edit"])
async def test_a_stage_is_added_to_the_text_without_a_script(headgate: InProcessHeadgate, base: str) -> None:
    await create(headgate)

    answer = await post(headgate, f"{base}/form", TEXT, **STAGE, **{"apply": "stage", "stage-needs": "a"})

    assert answer.status_code == 200
    assert get_text(answer) == TEXT + "  - name: b\n    kind: external\n    needs: [a]\n"
    assert "Added the stage b." in answer.text
    assert re.findall(r'name="stage-needs" value="(\w+)"', answer.text) == ["a", "b"]


@pytest.mark.parametrize("path", ["/ui/new", "/ui/pipelines/nightly/edit"])
async def test_saving_includes_a_stage_that_is_still_in_the_form(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.stories.add_pipeline(stages=["old"])

    answer = await post(headgate, path, TEXT.replace("nightly", "other"), **STAGE)

    assert answer.status_code == 303
    stored = await headgate.fakes.reader.pipeline("other")
    assert stored is not None and [stage.name for stage in stored.definition.stages] == ["a", "b"]


@pytest.mark.parametrize("path", ["/ui/new", "/ui/new/form", "/ui/pipelines/nightly/edit", "/ui/pipelines/nightly/edit/review"])
async def test_a_value_that_does_not_apply_is_an_error_and_nothing_is_stored(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.stories.add_pipeline(stages=["old"])

    answer = await post(headgate, path, TEXT.replace("nightly", "other"), **STAGE, **{"stage-command": "pg_dump"})

    assert answer.status_code == 422
    assert "A stage of kind external has no command" in answer.text.split('id="stage-command-error"')[1]
    assert "pg_dump</textarea>" in answer.text
    assert await headgate.fakes.reader.pipeline("other") is None


async def test_a_pipe_is_offered_a_shell(headgate: InProcessHeadgate) -> None:
    typed = {"stage-name": "b", "stage-kind": "command", "stage-command": "ls | wc"}

    asked = await post(headgate, "/ui/new/form", "", **typed, apply="stage")
    answered = await post(headgate, "/ui/new/form", "", **typed, apply="stage-with-shell")

    assert asked.status_code == 422 and "Add with shell: true" in asked.text and "ls | wc</textarea>" in asked.text
    assert parse_definition(get_text(answered))["stages"] == [{"name": "b", "kind": "command", "command": "ls | wc", "shell": True}]


async def test_a_command_in_the_text_is_fixed_by_one_button(headgate: InProcessHeadgate) -> None:
    text = "name: x\nstages:\n  - name: a\n    command: [ls, '|', wc]  # count\n"

    checked = await post(headgate, "/ui/new/preview", text)
    fixed = await post(headgate, "/ui/new/form", text, apply="shell-0")

    hints = checked.text.split('class="line-hints"')[1].split("</ol>")[0]
    assert 'data-line="4"' in hints and 'value="shell-0"' in hints
    assert get_text(fixed) == "name: x\nstages:\n  - name: a\n    command: ls | wc  # count\n    shell: true\n"


@pytest.mark.parametrize("base", ["/ui/new", "/ui/pipelines/nightly/edit"])
async def test_problems_name_their_lines(headgate: InProcessHeadgate, base: str) -> None:
    await create(headgate)
    text = "name: nightly\nstages:\n  - name: a\n    command: ['true']\n    retries: -1\nschedules:\n  - {name: b, cron: nonsense}\n"

    answer = await post(headgate, f"{base}/preview", text)
    fragment = await headgate.page_client.post(f"{base}/preview", data={"definition": text}, headers={"HX-Request": "true"})

    assert (answer.status_code, fragment.status_code) == (422 if "edit" in base else 200, 200)
    for page in (answer.text, fragment.text):
        assert 'data-line="5"' in page and "stages[0].retries" in page
    assert get_text(answer) == text and "<html" not in fragment.text


async def test_a_check_shows_graph_and_next_times(headgate: InProcessHeadgate) -> None:
    answer = await headgate.page_client.get("/ui/new?example=nightly")

    check = answer.text.split('id="preview"')[1]
    assert "No problems. 3 stages, 1 schedule." in check
    assert check.count('class="node ') == 3 and "At 02:30 every day" in check and "next-times" in check


@pytest.mark.parametrize("name", EXAMPLES)
async def test_every_example_can_be_stored_as_it_is(headgate: InProcessHeadgate, name: str) -> None:
    text = get_text(await headgate.page_client.get(f"/ui/new?example={name}"))

    assert (await post(headgate, "/ui/new", text)).status_code == 303


async def test_a_review_shows_what_changes_and_whose_revision_it_changes(headgate: InProcessHeadgate) -> None:
    await create(headgate)
    text = TEXT.replace("# first", "# still first")

    answer = await post(headgate, "/ui/pipelines/nightly/edit/review", text)
    same = await post(headgate, "/ui/pipelines/nightly/edit/review")

    assert answer.status_code == 200 and "Changes to revision 1" in answer.text and "Save revision 2" in answer.text
    assert "- name: a     # first" in answer.text.split("<del>")[1].split("</del>")[0]
    assert "# still first" in answer.text.split("<ins>")[1].split("</ins>")[0]
    assert get_text(answer) == text
    assert "No differences." in same.text
    stored = await headgate.fakes.reader.pipeline("nightly")
    assert stored is not None and stored.revision == 1


@pytest.mark.parametrize("action", ["", "/review", "/form", "/preview"])
async def test_a_newer_revision_is_named_and_the_text_is_kept(headgate: InProcessHeadgate, action: str) -> None:
    await create(headgate)
    await post(headgate, "/ui/pipelines/nightly/edit", TEXT + "# theirs\n")

    answer = await post(headgate, f"/ui/pipelines/nightly/edit{action}", TEXT + "# mine\n")

    assert "Revision 2 was stored while you edited revision 1" in answer.text
    assert 'name="revision" value="2"' in answer.text and get_text(answer) == TEXT + "# mine\n"


async def test_a_taken_name_and_a_wrong_one_are_named_at_their_line(headgate: InProcessHeadgate) -> None:
    await headgate.stories.add_pipeline("taken")

    taken = await post(headgate, "/ui/new", "# my own\nname: taken\nstages: [{name: a, kind: external}]\n")
    wrong = await post(headgate, "/ui/new", "stages: [{name: a, kind: external}]\n", name="9 lives")

    assert (taken.status_code, wrong.status_code) == (422, 422)
    assert 'data-line="2"' in taken.text and "already exists" in taken.text
    assert "must begin with a letter" in wrong.text and get_text(wrong).startswith("name: 9 lives\n")


async def test_the_first_page_begins_with_an_example(headgate: InProcessHeadgate) -> None:
    page = await headgate.page_client.get("/")

    assert "data-first-pipeline" in page.text and "Hello from Headgate" in get_text(page)
    assert 'name="name" value="hello"' in page.text and "No problems. 2 stages" in page.text


async def test_a_text_of_two_thousand_lines_is_edited(headgate: InProcessHeadgate) -> None:
    text = "name: long\nstages:\n" + "".join(
        f"  - name: s{number}\n    kind: external\n    needs: []\n    # {number}\n" for number in range(490)
    )

    answer = await post(headgate, "/ui/new/form", text, **STAGE, apply="stage")

    assert answer.status_code == 200 and get_text(answer) == text + "  - name: b\n    kind: external\n"


@pytest.mark.parametrize("path", ["/ui/new", "/ui/new/form", "/ui/new/preview", "/ui/pipelines/nightly/edit/preview"])
async def test_a_text_that_is_nested_too_deeply_is_refused(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.stories.add_pipeline()

    answer = await post(headgate, path, f"name: {'[' * 300_000}", **STAGE)

    assert answer.status_code in (200, 422) and "nested too deeply" in answer.text


@pytest.mark.parametrize("path", ["/ui/new", "/ui/pipelines/nightly/edit"])
async def test_the_editor_shows_the_line_that_gives_a_file_its_schema(headgate: InProcessHeadgate, path: str) -> None:
    await create(headgate)

    page = html.unescape((await headgate.page_client.get(path)).text)
    [url] = re.findall(r"# yaml-language-server: \$schema=(\S+)</pre>", page)
    schema = await headgate.page_client.get(url)

    assert schema.json()["$id"] == url
    stored = await post(headgate, path, f"# yaml-language-server: $schema={url}\nname: other\nstages: [{{name: a, kind: external}}]\n")
    assert stored.status_code == 303
