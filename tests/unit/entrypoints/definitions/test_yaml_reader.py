from itertools import pairwise
from typing import Any

import pytest

from entrypoints.definitions.yaml_reader import InvalidDefinitionText, parse_definition, parse_documents

ONE_STAGE = "name: p\nstages:\n- name: a\n  {line}\n"


def read_error(text: str) -> str:
    with pytest.raises(InvalidDefinitionText) as error:
        parse_documents(text)
    with pytest.raises(InvalidDefinitionText):
        parse_definition(text)
    return str(error.value)


@pytest.mark.parametrize(
    ("written", "meaning"),
    [
        ("5", "the number 5"),
        ("-3", "the number -3"),
        ("1.10", "the number 1.1, written 1.10"),
        ("1_000", "the number 1000, written 1_000"),
        ("0x1F", "the number 31, written 0x1F"),
        ("0b101", "the number 5, written 0b101"),
        ("017", "the number 15, written 017"),
        ("1:30", "the number 90, written 1:30"),
        ("12:30:45", "the number 45045, written 12:30:45"),
        (".inf", "the number inf, written .inf"),
        (".NaN", "the number nan, written .NaN"),
        ("yes", "true, written yes"),
        ("no", "false, written no"),
        ("on", "true, written on"),
        ("Off", "false, written Off"),
        ("true", "true"),
        ("FALSE", "false, written FALSE"),
        ("null", "null, written null"),
        ("~", "null, written ~"),
        ("!!int 7", "the number 7"),
    ],
)
def test_a_scalar_that_yaml_reads_as_another_type_is_named(written: str, meaning: str) -> None:
    text = ONE_STAGE.format(line=f"command: [echo, {written}]")

    assert read_error(text) == f"line 4, column 19: stages[0].command[1] is {meaning}: put it in quotes"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: 2024\nstages: []", "line 1, column 7: name is the number 2024"),
        ("name: p\ndescription: yes\nstages: []", "line 2, column 14: description is true, written yes"),
        ("name: p\npool: 1\nstages: []", "line 2, column 7: pool is the number 1"),
        ("name: p\ntags:\n- etl\n- 2024\nstages: []", "line 4, column 3: tags[1] is the number 2024"),
        ("name: p\nenv:\n  DEBUG: on\nstages: []", "line 3, column 10: env.DEBUG is true, written on"),
        (ONE_STAGE.format(line="needs: [1]"), "line 4, column 11: stages[0].needs[0] is the number 1"),
        (ONE_STAGE.format(line="env: {PORT: 8080}"), "line 4, column 15: stages[0].env.PORT is the number 8080"),
        (ONE_STAGE.format(line="env: {EMPTY: }"), "line 4, column 16: stages[0].env.EMPTY is empty, which is null"),
        (ONE_STAGE.format(line="workdir: 7"), "stages[0].workdir is the number 7"),
        (ONE_STAGE.format(line="callable: on"), "stages[0].callable is true"),
        (ONE_STAGE.format(line="shell: true\n  command: yes"), "line 5, column 12: stages[0].command is true, written yes"),
        (ONE_STAGE.format(line="secrets: {TOKEN: 1}"), "stages[0].secrets.TOKEN is the number 1"),
        (ONE_STAGE.format(line="headers: {X-Retry: 3}"), "stages[0].headers.X-Retry is the number 3"),
        (ONE_STAGE.format(line="approvers: [no]"), "stages[0].approvers[0] is false, written no"),
        (ONE_STAGE.format(line="message: 5"), "stages[0].message is the number 5"),
        ("name: p\nstages:\n- name: 1", "stages[0].name is the number 1"),
        ("x: &a {name: 5}\nstages: [*a]", "stages[0].name is the number 5"),
        ("x: &a {name: 5}\n<<: *a", "name is the number 5"),
    ],
)
def test_every_place_for_text_is_named(text: str, place: str) -> None:
    with pytest.raises(InvalidDefinitionText) as error:
        parse_documents(text)

    assert place in str(error.value)
    assert str(error.value).endswith("put it in quotes")


def test_all_scalars_of_another_type_are_named_together() -> None:
    message = read_error(ONE_STAGE.format(line="command: [sleep, 5, no]"))

    assert "stages[0].command[1] is the number 5" in message
    assert "stages[0].command[2] is false, written no" in message


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        (
            "command: [echo, '5', \"yes\", 2024-01-01, 1e3, 0o17, v1.10]",
            "command",
            ["echo", "5", "yes", "2024-01-01", "1e3", "0o17", "v1.10"],
        ),
        ("command: [echo, !!str 5]", "command", ["echo", "5"]),
        ("env: {DAY: 2024-02-29}", "env", {"DAY": "2024-02-29"}),
        ("retries: 3", "retries", 3),
        ("timeout: 1.5", "timeout", 1.5),
        ("allow_failure: yes", "allow_failure", True),
        ("workdir:", "workdir", None),
        ("needs: ~", "needs", None),
    ],
)
def test_values_of_the_right_type_are_read(line: str, key: str, value: Any) -> None:
    definition = parse_definition(ONE_STAGE.format(line=line))

    assert definition["stages"][0][key] == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: p\npool: a\nname: q", "line 3, column 1: duplicate key name in the definition; it is on line 1 already"),
        ('{"name": "p",\n "stages": [],\n "name": "q"}', "name: occurs twice in one object, on line 1 and on line 3"),
        (ONE_STAGE.format(line="env: {A: x, B: y, A: z}"), "duplicate key A in stages[0].env; it is on line 4 already"),
        (
            "name: p\nstages:\n- name: a\n  kind: external\n  name: b",
            "line 5, column 3: duplicate key name in stages[0]; it is on line 3 already",
        ),
        ("parameters:\n  properties:\n    a: {}\n    a: {}", "line 4, column 5: duplicate key a in parameters.properties; it is on line 3"),
        ("on: x", "line 1, column 1: the key on is true, written on; keys must be text: put it in quotes"),
        ("1: x", "line 1, column 1: the key 1 is the number 1; keys must be text"),
        ("? [a]\n: b", "a key is a list or an object; keys must be text"),
        ("name: p\n\tstages: []", "line 2, column 1: a tab; YAML is indented with spaces"),
        ("name: p\nstages:\n\t- name: a", "line 3, column 1: a tab; YAML is indented with spaces"),
        ("a: !!binary aGk=", "line 1, column 4: a has the tag !!binary, which is not supported"),
        ("a: !Ref b", "line 1, column 4: a has the tag !Ref, which is not supported"),
        ("a: !!python/name:os.system x", "a has the tag !!python/name:os.system, which is not supported"),
        ("a: !!set {x}", "a has the tag !!set, which is not supported"),
        ("timeout: .inf", "line 1, column 10: timeout is .inf, which JSON cannot represent"),
        ("a: {b: 12:30:45}", "line 1, column 8: a.b is the number 45045, written 12:30:45: put it in quotes, or write the number"),
        ("a: [1, 7:45]", "line 1, column 8: a[1] is the number 465, written 7:45: put it in quotes, or write the number"),
        ("a: 1:30.5", "line 1, column 4: a is the number 90.5, written 1:30.5: put it in quotes, or write the number"),
        ("a: 010", "line 1, column 4: a is the number 8, written 010: put it in quotes, or write the number"),
        ("a: -0755", "line 1, column 4: a is the number -493, written -0755: put it in quotes, or write the number"),
        ("a: 9223372036854775808", "line 1, column 4: a cannot be read: numbers have at most 64 bits; put it in quotes if it is text"),
        ("a: -9223372036854775809", "line 1, column 4: a cannot be read: numbers have at most 64 bits"),
        ("a: {b: [0x" + "f" * 5_000 + "]}", "line 1, column 9: a.b[0] cannot be read: numbers have at most 64 bits"),
        ("a: 0b" + "1" * 64, "line 1, column 4: a cannot be read: numbers have at most 64 bits"),
        ("a: [b\nc: d", "line 2, column 2: "),
        ("- a", "a definition must be an object with the keys name and stages"),
        ("text", "a definition must be an object with the keys name and stages"),
        ("a: " + "9" * 5_000, "line 1, column 4: a cannot be read: numbers have at most 64 bits"),
        ("[" * 5_000, "nested too deeply"),
        ("- a\n" * 60_000, "more than 50,000 values"),
    ],
)
def test_what_is_no_definition_is_refused_with_its_line(text: str, message: str) -> None:
    assert message in read_error(text)


def test_aliases_are_read_from_files_and_expanded_within_a_limit() -> None:
    letters = "abcdefgh"
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in pairwise(letters)
    )

    assert parse_documents("x: &a {b: 1}\ny: {<<: *a, c: 2}\nz: *a") == [{"x": {"b": 1}, "y": {"b": 1, "c": 2}, "z": {"b": 1}}]
    assert "with its aliases expanded" in read_error(bomb)
    for text in ("a: &a [*a]", "a: &a {b: *a}", "a: &a\n  <<: *a"):
        assert "an alias contains itself" in read_error(text)


def test_aliases_are_read_in_a_form_and_expanded_within_the_same_limit() -> None:
    assert parse_definition("a: &a 1\nb: *a") == {"a": 1, "b": 1}
    with pytest.raises(InvalidDefinitionText, match="8,000,000 characters, with its aliases expanded"):
        parse_definition(f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]")


def test_a_file_may_have_several_documents_and_a_form_one() -> None:
    text = "name: a\n---\n---\nname: b\n"

    assert parse_documents(text) == [{"name": "a"}, {"name": "b"}]
    with pytest.raises(InvalidDefinitionText, match="has 2 definitions"):
        parse_definition(text)
