"""Each key of a stage has a field, and every value that is entered ends in the text or in an error."""

from typing import Any

import pytest

from domain.pipelines.definition import StageKind
from domain.pipelines.field_parser import ALL_STAGE_KEYS, COMMON_STAGE_KEYS, STAGE_KEYS
from domain.pipelines.parsing import parse_definition as parse_pipeline
from entrypoints.definitions.yaml_reader import parse_definition
from entrypoints.web.view_models.editor.form import EditorForm
from entrypoints.web.view_models.editor.stage_fields import FIELDS, KIND_WORDS

ENTERED = {
    "command": "echo 'a b' c",
    "shell": "true",
    "callable": "jobs.daily:run",
    "python": "/srv/team/.venv",
    "url": "https://example.com/x",
    "method": "POST",
    "deployment": "ml/train",
    "parameters": "{day: {parameter: day}}",
    "message": "Publish?",
    "approvers": "ada, bob",
    "env": "A=1\nB=x=y",
    "secrets": "TOKEN",
    "workdir": "/srv",
    "headers": "Authorization: {secret: TOKEN}\nX-Day: monday",
    "query": "day: {parameter: day}",
    "body": "[1, two]",
    "expected": "[200, 404]",
    "max_bytes": "1000",
    "fields": "type: object",
    "hold": "true",
    "on_cancel": "leave",
    "timeout": "15m",
    "retries": "3",
    "retry_delay": "30",
    "retry_on_loss": "true",
    "when": "always",
    "allow_failure": "true",
    "uses": "warehouse",
}
VALUES: dict[str, Any] = {
    **ENTERED,
    "shell": True,
    "parameters": {"day": {"parameter": "day"}},
    "approvers": ["ada", "bob"],
    "env": {"A": "1", "B": "x=y"},
    "secrets": ["TOKEN"],
    "headers": {"Authorization": {"secret": "TOKEN"}, "X-Day": "monday"},
    "query": {"day": {"parameter": "day"}},
    "body": [1, "two"],
    "expected": [200, 404],
    "max_bytes": 1000,
    "fields": {"type": "object"},
    "hold": True,
    "retries": 3,
    "retry_delay": 30,
    "retry_on_loss": True,
    "allow_failure": True,
    "uses": ["warehouse"],
}


def write(text: str = "", action: str = "stage", needs: tuple[str, ...] = (), **entered: str) -> EditorForm:
    posted = {"definition": [text], "apply": [action], "stage-needs": needs}
    return EditorForm.parse(posted | {f"stage-{key}": [value] for key, value in entered.items()}).write()


def get_stage(form: EditorForm) -> dict[str, Any]:
    """Return the last stage of the text that was written."""
    assert not form.is_refused, (form.problems, form.stage.errors)
    return dict(parse_definition(form.text)["stages"][-1])


def test_the_form_has_a_field_for_every_key_and_every_kind() -> None:
    assert {field.key for field in FIELDS} | {"name", "kind", "needs"} == ALL_STAGE_KEYS == set(ENTERED) | {"name", "kind", "needs"}
    assert set(KIND_WORDS) == set(StageKind)


@pytest.mark.parametrize("kind", StageKind)
def test_all_fields_of_a_kind_are_written_and_nothing_else(kind: StageKind) -> None:
    keys = (COMMON_STAGE_KEYS | STAGE_KEYS[kind]) - {"name", "kind", "needs"}

    stage = get_stage(write(name="a", kind=kind.value, **{key: ENTERED[key] for key in keys}))

    assert stage == {"name": "a", "kind": kind.value, **{key: VALUES[key] for key in keys}}


@pytest.mark.parametrize("kind", StageKind)
def test_blank_fields_pin_no_default(kind: StageKind) -> None:
    needed = {"command": "command", "python": "callable", "http": "url", "prefect": "deployment"}
    keys = [needed[kind]] if kind in needed else []

    stage = get_stage(write(name="a", kind=kind.value, **{key: ENTERED[key].replace("'", "") for key in keys}, retries="", env=""))

    assert set(stage) == {"name", "kind", *keys}


@pytest.mark.parametrize(
    ("kind", "key"), [(kind, key) for kind in StageKind for key in ENTERED if key not in COMMON_STAGE_KEYS | STAGE_KEYS[kind]]
)
def test_a_value_of_another_kind_is_an_error_at_its_field(kind: StageKind, key: str) -> None:
    form = write(name="a", kind=kind.value, **{key: ENTERED[key]})

    assert f"A stage of kind {kind} has no {key}." in form.stage.errors[key]
    assert form.text == "" and form.stage.texts[key] == ENTERED[key]


@pytest.mark.parametrize(
    ("entered", "key", "message"),
    [
        ({"name": "9a"}, "name", "must begin with a letter"),
        ({"name": ""}, "name", "must begin with a letter"),
        ({"name": "first"}, "name", "another stage has the name first"),
        ({"kind": "none"}, "kind", "must be one of"),
        ({"command": "echo 'a"}, "command", "has an unclosed quote"),
        ({"command": ""}, "command", "must be a list of the program"),
        ({"env": "A"}, "env", "must have NAME=value on each line"),
        ({"env": "A=1\nA=2"}, "env", "has A twice"),
        ({"retries": "many"}, "retries", "must be a whole number"),
        ({"timeout": "soon"}, "timeout", "must be seconds or a duration"),
        ({"kind": "http", "command": "", "url": "https://x.org", "headers": "a: [1"}, "headers", "must be valid YAML"),
        ({"kind": "http", "command": "", "url": "x.org"}, "url", "must begin with http"),
        ({"kind": "http", "command": "", "url": "https://x.org", "expected": "200"}, "expected", "must be a list of HTTP statuses"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_written(entered: dict[str, str], key: str, message: str) -> None:
    text = "name: a\nstages: [{name: first, kind: external}]\n"

    form = write(text, **{"name": "b", "kind": "command", "command": "ls", **entered})

    assert message in form.stage.errors[key]
    assert form.text == text


def test_needs_are_chosen_left_out_or_none() -> None:
    text = "stages: [{name: a, kind: external}, {name: b, kind: external}]\n"
    stage = {"name": "c", "kind": "external"}

    assert "needs" not in get_stage(write(text, **stage))
    assert get_stage(write(text, needs=("a",), **stage))["needs"] == ["a"]
    assert get_stage(write(text, **stage, **{"at-once": "true"}))["needs"] == []
    both = write(text, needs=("a",), **stage, **{"at-once": "true"})
    assert both.stage.errors["needs"] and both.text == text


def test_shell_syntax_is_decided_by_the_person() -> None:
    asked = write(name="a", kind="command", command="ls | wc")
    shell = write(name="a", kind="command", command="ls | wc", action="stage-with-shell")
    plain = write(name="a", kind="command", command="echo '|' |", action="stage-as-it-is")

    assert asked.text == "" and asked.stage.shell_syntax == "|" and "| needs a shell" in asked.stage.errors["command"]
    assert get_stage(shell) == {"name": "a", "kind": "command", "command": "ls | wc", "shell": True}
    assert get_stage(plain)["command"] == ["echo", "|", "|"]


def test_a_stage_that_was_not_added_yet_is_written_when_the_text_is_saved() -> None:
    assert get_stage(write(action="", name="a", kind="external"))["name"] == "a"
    assert write(action="", kind="external").text == ""


def test_a_text_with_an_error_is_left_alone_and_the_fields_keep_their_values() -> None:
    form = write("name: [", name="a", kind="external")

    assert form.text == "name: [" and form.stage.name == "a"
    assert "The text has an error" in form.problems[0]


def test_a_fix_leaves_the_stage_in_the_form() -> None:
    form = write("stages: [{name: a, command: [ls, '|', wc]}]\n", action="shell-0", name="b", kind="external")

    assert parse_definition(form.text)["stages"] == [{"name": "a", "command": "ls | wc", "shell": True}]
    assert form.stage.name == "b"


@pytest.mark.parametrize("action", ["shell-9", "shell-x", "shell-", "shell-²"])
def test_a_fix_of_no_stage_is_refused(action: str) -> None:
    assert write("stages: [{name: a, kind: external}]\n", action=action).problems


@pytest.mark.parametrize(
    ("shown", "entered", "text", "expected"),
    [
        ("", "b", "", "name: b\n"),
        ("a", "b", "name: a # mine\n", "name: b # mine\n"),
        ("a", "a", "name: c\n", "name: c\n"),
        ("a", "", "name: a\n", "name: a\n"),
        ("a", "c", "name: c\n", "name: c\n"),
    ],
)
def test_a_name_is_written_and_follows_the_text(shown: str, entered: str, text: str, expected: str) -> None:
    posted = {"definition": [text], "name": [entered], "shown-name": [shown], "apply": ["fields"]}

    assert EditorForm.parse(posted).write().text == expected


def test_a_name_that_was_changed_in_both_places_is_an_error() -> None:
    posted = {"definition": ["name: c\n"], "name": ["b"], "shown-name": ["a"]}

    form = EditorForm.parse(posted).write()

    assert form.text == "name: c\n" and "The text says c" in form.fields.errors["name"] and form.is_refused


def test_what_the_form_writes_is_a_valid_pipeline() -> None:
    text = write(name="a", kind="command", command="echo hello").text
    text = write(text, name="b", kind="approval", message="Go on?\nReally?").text

    stages = parse_pipeline({"name": "x", **parse_definition(text)}).stages

    assert [(stage.name, stage.needs) for stage in stages] == [("a", ()), ("b", ("a",))]
    assert stages[1].message == "Go on?\nReally?"
