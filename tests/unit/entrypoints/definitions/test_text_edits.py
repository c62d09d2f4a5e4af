"""A form's changes keep what a person wrote: comments, quotes, order and blank lines."""

from itertools import product

import pytest

from entrypoints.definitions.text_edits import UneditableText, append_stage, read_text, set_text, use_shell
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition

STAGE = {"name": "z", "kind": "command", "command": ["echo", "hi: x"]}
LINES = "- name: z\n  kind: command\n  command: [echo, 'hi: x']\n"
TEXTS = {
    "blank": "",
    "comments only": "# to do\n",
    "no stages": "name: a # first\n",
    "stages without a value": "name: a\nstages:\n",
    "no line break at the end": "name: a\nstages:",
    "stages is null": "name: a\nstages: null\ntags: [x]\n",
    "an empty list": "name: a\nstages: []  # none yet\ntags: [x]\n",
    "a list without indentation": "name: a # hi\nstages:\n- name: b # c\n  kind: external\n# next\nschedules: []\n",
    "a block of text": "name: a\nstages:\n  - name: b\n    shell: true\n    command: |\n      echo # no\n      # yes\n\n# end\ntags: [x]\n",
    "comments below the last stage": "name: a\nstages:\n  - {name: b, kind: external}\n\n    # inner\n  # - name: c\n\n# end\ntags: [x]\n",
    "brackets": "name: a\nstages: [{name: b, kind: external}]\n",
    "JSON on one line": '{"name": "a", "stages": [{"name": "b", "kind": "external"}]}',
    "JSON on lines": '{\n  "name": "a",\n  "stages": [\n    {\n      "name": "b", "kind": "external"\n    }\n  ]\n}\n',
    "an empty object": "{}",
    "a document's marks": "---\nname: a\nstages:\n  - {name: b, kind: external}\n...\n",
    "letters of more than one byte": "name: a\ndescription: é😀\nstages:\n- name: b\n  kind: external\n  workdir:\n",
    "an anchor": "name: a\nstages:\n  - &b {name: b, kind: external}\n  - {<<: *b, name: c}\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_stage_is_appended_and_every_line_stays(text: str) -> None:
    before = read_text(text)

    after = append_stage(text, STAGE)

    assert parse_definition(after) == {**before, "stages": [*(before.get("stages") or []), STAGE]}
    kept = [part.strip() for line in text.split("\n") for part in line.partition("#")[1:] if "#" in line]
    assert all(part in after for part in kept)
    changed = {"stages: null", "stages: []  # none yet", "stages: [{name: b, kind: external}]"}
    if not text.startswith("{"):
        assert {line for line in text.split("\n") if line not in changed} <= set(after.split("\n"))


def test_a_stage_stands_below_the_comments_of_the_stage_before() -> None:
    text = "stages:\n  - name: a\n    kind: external\n    # of a\n  # - name: b\n\n# of the schedules\nschedules: []\n"

    after = append_stage(text, STAGE)

    inserted = "".join(f"  {line}\n" for line in LINES.splitlines())
    assert after == text.replace("  # - name: b\n", f"  # - name: b\n{inserted}")


@pytest.mark.parametrize(("key", "text"), list(product(["name", "description"], TEXTS.values())))
def test_a_line_of_text_is_set(key: str, text: str) -> None:
    before = read_text(text)

    after = set_text(text, key, "yes: no")

    assert parse_definition(after) == {**before, key: "yes: no"}


def test_a_description_stands_below_the_name() -> None:
    assert set_text("# mine\nname: a # first\nstages: []\n", "description", "b") == "# mine\nname: a # first\ndescription: b\nstages: []\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "stages:\n- name: b\n  command: [echo, a, '|', wc] # c\n  retries: 2\n",
            "stages:\n- name: b\n  command: echo a | wc # c\n  shell: true\n  retries: 2\n",
        ),
        ("stages:\n- command: echo a | wc\n  name: b\n", "stages:\n- command: echo a | wc\n  shell: true\n  name: b\n"),
        ("stages:\n- command:\n  - a\n  - '|'\n  - b\n  name: x\n", "stages:\n- command: a | b\n  shell: true\n  name: x\n"),
        (
            "stages: [{name: b, command: [echo, '*.csv', '>', x y]}]\n",
            "stages: [{name: b, command: \"echo *.csv > 'x y'\", shell: true}]\n",
        ),
        ('{"stages": [{"command": ["a", "&&", "b"], "shell": false}]}', '{"stages": [{"command": "a && b", "shell": true}]}'),
        ('{"stages": [{"command": ["a", ">", "b"]}]}', '{"stages": [{"command": "a > b", "shell": true}]}'),
    ],
)
def test_a_command_is_given_to_a_shell(text: str, expected: str) -> None:
    assert use_shell(text, 0) == expected


@pytest.mark.parametrize("text", ["stages: 5\n", "stages:\n- {name: a, kind: external}\n", "name: a\n"])
def test_a_text_without_such_a_command_is_refused(text: str) -> None:
    with pytest.raises(UneditableText):
        use_shell(text, 0)


def test_a_text_that_is_no_yaml_is_refused_with_a_line() -> None:
    with pytest.raises(InvalidDefinitionText, match="line 3"):
        append_stage("name: a\nstages: [\n", STAGE)


def test_stages_that_are_no_list_are_left_alone() -> None:
    with pytest.raises(UneditableText):
        append_stage("stages: text\n", STAGE)
