"""Another name in the text of a definition."""

import pytest

from entrypoints.definitions.renaming import rename_definition
from entrypoints.definitions.yaml_reader import parse_definition

STAGES = "stages:\n- {name: a, kind: external}\n"


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        (f"# ü 😀\nname: old   # ours\n{STAGES}# end\n", f"# ü 😀\nname: new   # ours\n{STAGES}# end\n"),
        (f"name: 'old'\n{STAGES}", f"name: new\n{STAGES}"),
        (f'{STAGES}"name": "old"\n', f'{STAGES}"name": new\n'),
        (f"name: |-\n  old\n{STAGES}", f"name: new\n{STAGES}"),
        (f"name: >\n  old\n\n{STAGES}", f"name: new\n\n{STAGES}"),
        (
            '{"stages": [{"name": "old", "kind": "external"}], "name":"old"}',
            '{"stages": [{"name": "old", "kind": "external"}], "name":"new"}',
        ),
        (f"--- # first\nname: old\n{STAGES}...\n", f"--- # first\nname: new\n{STAGES}...\n"),
        (f"env: {{name: x}}\nname: old\n{STAGES}", f"env: {{name: x}}\nname: new\n{STAGES}"),
        ("# a\u2028# b\u0085name: old\u0085stages: []\n", "# a\u2028# b\u0085name: new\u0085stages: []\n"),
    ],
    ids=range(9),
)
def test_only_the_name_changes(text: str, renamed: str) -> None:
    assert rename_definition(text, "new") == renamed
    assert parse_definition(renamed) == {**parse_definition(text), "name": "new"}


@pytest.mark.parametrize("name", ["yes", "null", "on", "true"])
def test_a_name_that_yaml_reads_as_another_type_is_quoted(name: str) -> None:
    assert rename_definition(f"name: old\n{STAGES}", name) == f"name: '{name}'\n{STAGES}"


@pytest.mark.parametrize(
    "text",
    [
        "name: &n old\nstages: [{name: *n, kind: external}]\n",
        "x: &n old\nname: *n\nstages: []\n",
        '{"name": "old", "description": "\\ud83d\\ude00", "stages": []}',
        "name: [\n",
        "- a\n",
    ],
)
def test_a_name_that_cannot_be_replaced_in_place_is_none(text: str) -> None:
    assert rename_definition(text, "new") is None
