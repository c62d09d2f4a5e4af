"""The page, the API and the terminal take the same input and give the same run, or the same error at the same path."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from entrypoints.cli.app import app
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer

STRING, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}
NULLABLE_TEXT = {"type": ["string", "null"]}
NOTES = {"type": "array", "items": STRING}
MIXED = {"enum": ["small", 3, "3", None, True, "true", "null", 1.5, ""]}


class Entrypoints:
    """A Headgate with one pipeline, and the three ways to trigger it."""

    def __init__(self, headgate: InProcessHeadgate, url: str, folder: Path) -> None:
        self.headgate, self.url, self.folder = headgate, url, folder

    async def define(self, rule: Any, name: str = "x", **schema: Any) -> None:
        parameters = {"type": "object", "properties": {name: rule}} | schema
        answer = await self.headgate.client.post(
            "/pipelines/", json={"name": "p", "parameters": parameters, "stages": [a_stage("a")]}, headers={"Accept": "application/json"}
        )
        assert answer.status_code == 201, answer.text

    async def by_api(self, parameters: Any) -> Any:
        """Return the stored parameters, or the errors."""
        answer = await self.headgate.client.post("/trigger/p", content=json.dumps({"parameters": parameters}))
        if answer.status_code == 422:
            return [(error["field"], error["message"]) for error in answer.json()["errors"]]
        return self.read_run(answer.json()["run_id"])

    async def by_page(self, changes: dict[str, str]) -> Any:
        """Send the form as a browser does, with these fields changed."""
        page = (await self.headgate.page_client.get("/ui/pipelines/p/trigger")).text
        fields = read_fields(page) | changes
        body = urlencode({name: re.sub(r"\r\n?|\n", "\r\n", text) for name, text in fields.items()})
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.headgate.page_client.post("/ui/pipelines/p/trigger", content=body, headers=headers)
        if answer.status_code == 422:
            self.refused_page = answer.text
            return [html.unescape(found) for found in re.findall(r'class="field-error"[^>]*>(.*?)</p>', answer.text, re.DOTALL)]
        return self.read_run(int(answer.headers["location"].rsplit("/", 1)[1]))

    async def by_options(self, *options: str) -> Any:
        """Return the stored parameters, or the lines of the errors."""
        return await self._run([part for option in options for part in ("--param", option)])

    async def by_file(self, content: str | bytes) -> Any:
        (self.folder / "p.json").write_bytes(content if isinstance(content, bytes) else content.encode())
        return await self._run(["--params-file", str(self.folder / "p.json")])

    async def _run(self, arguments: list[str]) -> Any:
        command = ["trigger", "p", "--json", *arguments]
        result = await asyncio.to_thread(lambda: CliRunner().invoke(app, command, env={"HEADGATE_URL": self.url}))
        if result.exit_code == 2:
            return [line.removeprefix("headgate: ") for line in result.stderr.splitlines() if "--list-params" not in line]
        assert result.exit_code == 0, result.output
        return self.read_run(json.loads(result.stdout)["run_id"])

    def read_run(self, run_id: int) -> Any:
        """Return the parameters as JSON text, which tells 1 from 1.0 and true."""
        return json.dumps(dict(self.headgate.fakes.store.committed.runs[run_id].parameters), sort_keys=True)


def read_fields(page: str) -> dict[str, str]:
    """Return what a browser sends for the form as it stands."""
    fields = {"form": "1"}
    for tag in re.findall(r"<input ([^>]*)>", page):
        attributes = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        is_sent = attributes.get("type") != "checkbox" or re.search(r"\schecked", tag)
        if attributes.get("name", "").startswith(("p.", "rest")) and "disabled" not in tag.split('"')[-1] and is_sent:
            fields[attributes["name"]] = re.sub(r"[\r\n]", "", attributes.get("value", ""))
    for name, text in re.findall(r'<textarea [^>]*name="([^"]*)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL):
        fields[html.unescape(name)] = re.sub(r"\r\n?", "\n", html.unescape(text))
    for name, options in re.findall(r'<select [^>]*name="([pb]\.[^"]*)"[^>]*>(.*?)</select>', page, re.DOTALL):
        found = re.findall(r'<option value="([^"]*)"( selected)?', options)
        fields[html.unescape(name)] = html.unescape(next((value for value, selected in found if selected), found[0][0]))
    return fields


@pytest.fixture
async def entrypoints(tmp_path: Path) -> AsyncIterator[Entrypoints]:
    headgate = InProcessHeadgate()
    await headgate.start_change_feed()
    server = LoopServer(headgate.app)
    await server.start()
    async with headgate:
        yield Entrypoints(headgate, server.url, tmp_path)
    await server.stop()


VALUES: list[tuple[str, Any, str, Any]] = [
    ("text", STRING, "plain", "plain"),
    ("lines", STRING, "one\ntwo\n\nthree\n", "one\ntwo\n\nthree\n"),
    ("a first empty line", STRING, "\n\none", "\n\none"),
    ("spaces", STRING, "  two  spaces ", "  two  spaces "),
    ("one space", STRING, " ", " "),
    ("tabs", STRING, "\ta\tb\t", "\ta\tb\t"),
    ("combining", STRING, "e\u0301 \u0928\u093f", "e\u0301 \u0928\u093f"),
    ("astral", STRING, "😀 𝔘 👩‍👩‍👧", "😀 𝔘 👩‍👩‍👧"),
    ("right to left", STRING, "שלום \u202eabc", "שלום \u202eabc"),
    ("line separator", STRING, "a\u2028b\x85c", "a\u2028b\x85c"),
    ("markup", STRING, "<b>&amp;\"'</textarea>", "<b>&amp;\"'</textarea>"),
    ("an integer as text", STRING, "007", "007"),
    ("a float as text", STRING, "1e3", "1e3"),
    ("true as text", STRING, "true", "true"),
    ("null as text", STRING, "null", "null"),
    ("JSON as text", STRING, '{"a": [1]}', '{"a": [1]}'),
    ("quotes as text", STRING, '"quoted"', '"quoted"'),
    ("equals signs", STRING, "a=b=c", "a=b=c"),
    ("a byte order mark", STRING, "\ufeffa", "\ufeffa"),
    ("a date", STRING | {"format": "date"}, "2024-02-29", "2024-02-29"),
    ("a time with zone", STRING | {"format": "date-time"}, "2024-02-29T09:00:00+05:30", "2024-02-29T09:00:00+05:30"),
    ("an e-mail address", STRING | {"format": "idn-email"}, "ü@bücher.example", "ü@bücher.example"),
    ("integer", INTEGER, "42", 42),
    ("negative", INTEGER, "-7", -7),
    ("over 2^53", INTEGER, "9007199254740993", 9007199254740993),
    ("the largest integer", INTEGER, "9223372036854775807", 9223372036854775807),
    ("the smallest integer", INTEGER, "-9223372036854775808", -9223372036854775808),
    ("over 2^53 as number", NUMBER, "9007199254740993", 9007199254740993),
    ("1.0 as integer", INTEGER, "1.0", 1.0),
    ("1.0", NUMBER, "1.0", 1.0),
    ("1e3", NUMBER, "1e3", 1e3),
    ("1E-7", NUMBER, "1E-7", 1e-7),
    ("minus zero", NUMBER, "-0.0", -0.0),
    ("a third", NUMBER, "0.3333333333333333", 0.3333333333333333),
    ("leading zeros", INTEGER, "007", 7),
    ("a plus sign", INTEGER, "+5", 5),
    ("half without zero", NUMBER, ".5", 0.5),
    ("spaces around", INTEGER, " 5 ", 5),
    ("boolean", {"type": "boolean"}, "true", True),
    ("false", {"type": "boolean"}, "false", False),
    ("nullable text", NULLABLE_TEXT, "hello", "hello"),
    ("null", NULLABLE_TEXT, "null", None),
    ("the text null", NULLABLE_TEXT, '"null"', "null"),
    ("quotes in nullable text", NULLABLE_TEXT, '"a"', '"a"'),
    ("a number in nullable text", NULLABLE_TEXT, "5", "5"),
    ("nullable integer", {"type": ["integer", "null"]}, "null", None),
    ("nullable integer given", {"type": ["integer", "null"]}, "12", 12),
    ("nullable boolean", {"type": ["boolean", "null"]}, "null", None),
    ("anyOf with null", {"anyOf": [STRING, {"type": "null"}]}, "hello", "hello"),
    ("oneOf with null", {"oneOf": [{"type": "null"}, INTEGER]}, "null", None),
    ("text or number", {"type": ["string", "integer"]}, "5", 5),
    ("text or number, quoted", {"type": ["string", "integer"]}, '"5"', "5"),
    ("a choice", MIXED, "small", "small"),
    ("a number among choices", MIXED, "3", 3),
    ("its text among choices", MIXED, '"3"', "3"),
    ("null among choices", MIXED, "null", None),
    ("its text", MIXED, '"null"', "null"),
    ("true among choices", MIXED, "true", True),
    ("a float among choices", MIXED, "1.5", 1.5),
    ("empty text among choices", MIXED, '""', ""),
    ("a choice behind a reference", {"$ref": "#/$defs/region"}, "n", "n"),
    ("labelled choices", {"oneOf": [{"const": "a", "title": "Alpha"}, {"const": 2, "title": "Two"}]}, "2", 2),
    ("const", {"const": {"a": 1}}, '{"a": 1}', {"a": 1}),
    ("items on lines", NOTES, "one\n two \nthree", ["one", " two ", "three"]),
    ("items as JSON", NOTES, '["a\\nb", "", "c"]', ["a\nb", "", "c"]),
    ("numbers on lines", {"type": "array", "items": INTEGER}, "1\n2\n9007199254740993", [1, 2, 9007199254740993]),
    ("any list", {"type": "array"}, '[1, "a", null, [2.0]]', [1, "a", None, [2.0]]),
    ("object", {"type": "object", "properties": {"a": INTEGER}}, '{"a": 1, "b": {"c": []}}', {"a": 1, "b": {"c": []}}),
    ("map", {"type": "object", "additionalProperties": INTEGER}, "a=1\nb c=2", {"a": 1, "b c": 2}),
    ("map as JSON", {"type": "object", "additionalProperties": STRING}, '{"a=b": "1"}', {"a=b": "1"}),
    ("anything as JSON", {}, '{"a": 1}', {"a": 1}),
    ("anything as text", {}, "hello", "hello"),
]


@pytest.mark.parametrize(("text", "rule", "value"), [pytest.param(text, rule, value, id=name) for name, rule, text, value in VALUES])
async def test_the_same_text_gives_the_same_run(entrypoints: Entrypoints, text: str, rule: Any, value: Any) -> None:
    await entrypoints.define(rule, **{"$defs": {"region": {"enum": ["n", "s"], "default": "s"}}})
    expected = json.dumps({"x": value}, sort_keys=True)

    assert await entrypoints.by_page({"p.x": text}) == expected
    assert await entrypoints.by_options(f"x={text}") == expected
    assert await entrypoints.by_api({"x": value}) == expected
    assert await entrypoints.by_file(json.dumps({"x": value}, ensure_ascii=False)) == expected


@pytest.mark.parametrize("name", ["a.b", "a-b", "a b", "größe", "form", "a=b", "x[0]", ".hidden", 'qu"ote', "csrf", "b.x", "日付"])
async def test_any_name_of_a_parameter_works_everywhere(entrypoints: Entrypoints, name: str) -> None:
    await entrypoints.define(INTEGER | {"maximum": 9}, name, additionalProperties=False)
    expected, errors = json.dumps({name: 7}), (f"parameters.{name}", "70 is greater than the maximum of 9")

    assert await entrypoints.by_page({f"p.{name}": "7"}) == expected
    assert await entrypoints.by_options(f"{name}=7") == expected
    assert await entrypoints.by_api({name: 7}) == expected
    assert await entrypoints.by_api({name: 70}) == [errors]
    assert await entrypoints.by_page({f"p.{name}": "70"}) == [f"{name} {errors[1]}"]
    assert await entrypoints.by_options(f"{name}=70") == [": ".join(errors)]


DEFAULTS: list[Any] = [
    "SELECT 1\nFROM t -- all\nWHERE x",
    "dos\r\nlines\r\n",
    "old\rmac",
    "\n\nfirst lines are empty\n\n",
    " spaces \t",
    "",
    "null",
    None,
    0,
    False,
    -0.0,
    1e22,
    9007199254740993,
    [],
    ["a", "b"],
    ["a\nb", "", " "],
    ['["x"]'],
    {},
    {"a": {"b": [1.0, None]}},
    "<\"&'>\n</textarea>",
    "\ufeff\u2028",
]
KINDS = ["string", "null", "number", "boolean", "array", "object"]


@pytest.mark.parametrize("default", DEFAULTS, ids=repr)
@pytest.mark.parametrize("is_typed", [True, False])
async def test_a_form_that_is_sent_as_it_stands_gives_the_defaults(entrypoints: Entrypoints, default: Any, is_typed: bool) -> None:
    kinds = {str: ["string", "null"], type(None): ["integer", "null"], bool: "boolean", int: "integer", float: "number"}
    rule = {"type": kinds.get(type(default), "array" if isinstance(default, list) else "object")}
    if rule["type"] == "array" and default and all(isinstance(item, str) for item in default):
        rule["items"] = STRING
    await entrypoints.define((rule if is_typed else {"type": KINDS}) | {"default": default})
    expected = json.dumps({"x": default})

    assert await entrypoints.by_page({}) == expected
    assert await entrypoints.by_api({}) == expected
    assert await entrypoints.by_options() == expected


REFUSED: list[tuple[str, Any, str, Any]] = [
    ("a word as integer", INTEGER, "three", "three"),
    ("a fraction as integer", INTEGER, "3.5", 3.5),
    ("NaN", NUMBER, "NaN", "NaN"),
    ("over 64 bits", INTEGER, "9223372036854775808", 9223372036854775808),
    ("far too large", NUMBER, "1e999", float("inf")),
    ("too large", {"type": "integer", "maximum": 12}, "13", 13),
    ("a word as boolean or null", {"type": ["boolean", "null"]}, "yes", "yes"),
    ("no choice", {"enum": ["n", "s"]}, "w", "w"),
    ("no choice behind a reference", {"$ref": "#/$defs/region"}, "w", "w"),
    ("no mixed choice", MIXED, "4", 4),
    ("no date", STRING | {"format": "date"}, "tomorrow", "tomorrow"),
    ("no match", STRING | {"pattern": "^a$"}, "b", "b"),
    ("too long", STRING | {"maxLength": 2}, "abc", "abc"),
    ("a wrong item", {"type": "array", "items": INTEGER}, "1\ntwo", [1, "two"]),
    ("too many items", NOTES | {"maxItems": 1}, "a\nb", ["a", "b"]),
    ("a text as list", {"type": "array"}, '"a"', "a"),
    ("a NUL", STRING, "a\0b", "a\0b"),
]


@pytest.mark.parametrize(("text", "rule", "value"), [pytest.param(text, rule, value, id=name) for name, rule, text, value in REFUSED])
async def test_the_same_text_is_refused_in_the_same_words_at_the_same_path(
    entrypoints: Entrypoints, text: str, rule: Any, value: Any
) -> None:
    await entrypoints.define(rule, **{"$defs": {"region": {"enum": ["n", "s"]}}})

    errors = await entrypoints.by_api({"x": value})

    assert errors and errors[0][0].startswith("parameters.x")
    assert await entrypoints.by_page({"p.x": text}) == [f"{errors[0][0].removeprefix('parameters.')} {errors[0][1]}"]
    assert read_fields(entrypoints.refused_page)["p.x"] == text, "the input is shown as it was given"
    assert await entrypoints.by_options(f"x={text}") == [f"{field}: {message}" for field, message in errors]
    assert not entrypoints.headgate.fakes.store.committed.runs


@pytest.mark.parametrize("rule", [{"type": "array"}, {"type": "object"}, NOTES, {"type": ["object", "null"], "properties": {"a": STRING}}])
async def test_text_that_is_not_json_is_refused_with_its_place(entrypoints: Entrypoints, rule: Any) -> None:
    await entrypoints.define(rule)

    for text, reason in {'[1,\n "a" 2]': "line 2, column 6", "[1] // no": "line 1, column 5; JSON has no comments"}.items():
        assert await entrypoints.by_page({"p.x": text}) == [f"x must be valid JSON: {reason}"]
        assert await entrypoints.by_options(f"x={text}") == [f"parameters.x: must be valid JSON: {reason}"]


async def test_a_required_parameter_is_missed_at_its_own_path(entrypoints: Entrypoints) -> None:
    await entrypoints.define(STRING, required=["x"])

    assert await entrypoints.by_api({}) == [("parameters.x", "is required")]
    assert await entrypoints.by_page({"p.x": ""}) == ["x is required"]
    assert await entrypoints.by_options() == ["parameters.x: is required"]


BLANKS = [
    (STRING, "omit", {}),
    (STRING, "empty", {"x": ""}),
    (NULLABLE_TEXT, "omit", {}),
    (NULLABLE_TEXT, "empty", {"x": ""}),
    (NULLABLE_TEXT, "null", {"x": None}),
    (NULLABLE_TEXT | {"default": "d"}, "omit", {"x": "d"}),
    (NULLABLE_TEXT | {"default": "d"}, "empty", {"x": ""}),
    (NULLABLE_TEXT | {"default": "d"}, "null", {"x": None}),
    ({"type": ["integer", "null"], "default": 5}, "null", {"x": None}),
    ({"type": ["integer", "null"], "default": 5}, "omit", {"x": 5}),
    ({"type": ["array", "null"], "items": STRING}, "null", {"x": None}),
]


@pytest.mark.parametrize(("rule", "meaning", "parameters"), BLANKS)
async def test_a_blank_field_means_what_the_form_says(entrypoints: Entrypoints, rule: Any, meaning: str, parameters: Any) -> None:
    await entrypoints.define(rule)

    assert await entrypoints.by_page({"p.x": "", "b.x": meaning}) == json.dumps(parameters)


async def test_other_names_are_taken_where_the_schema_describes_them(entrypoints: Entrypoints) -> None:
    await entrypoints.define(STRING, additionalProperties={"type": "integer"})
    expected = json.dumps({"a b": 2, "x": "y", "z": 1})

    assert await entrypoints.by_page({"p.x": "y", "rest": "z=1\na b=2"}) == expected
    assert await entrypoints.by_options("x=y", "z=1", "a b=2") == expected
    assert await entrypoints.by_api({"x": "y", "z": 1, "a b": 2}) == expected
    assert await entrypoints.by_page({"rest": "z=one"}) == ['z "one" is not of type "integer"']


FILES: dict[str | bytes, str] = {
    "[1]": "must contain a JSON object",
    '{"x": 1} // no': "must be valid JSON: line 1, column 10; JSON has no comments",
    "x: 1": "must be valid JSON: line 1, column 1",
    '{"x": "é"}'.encode("latin-1"): "is not in UTF-8: line 1 has the byte 0xe9",
    '{"x": "a"}'.encode("utf-16"): "is in UTF-16; it must be in UTF-8",
}


@pytest.mark.parametrize("content", FILES)
async def test_a_parameters_file_is_read_as_the_api_reads_a_body(entrypoints: Entrypoints, content: str | bytes) -> None:
    await entrypoints.define(STRING)

    assert await entrypoints.by_file(b"\xef\xbb\xbf" + '{"x": "é"}'.encode()) == json.dumps({"x": "é"})
    assert await entrypoints.by_file(content) == [f"--params-file {entrypoints.folder / 'p.json'}: {FILES[content]}"]
