"""The page, the API and the terminal read the same text as the same definition, or refuse it in the same words."""

from __future__ import annotations

import asyncio
import html
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from typer.testing import CliRunner

from entrypoints.cli.app import app
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer

STAGES = '"stages": [{"name": "a", "kind": "external"}]'
BEFORE = f'{{"name": "p", "description": "before", {STAGES}}}'


class Readers:
    """A Headgate with the pipeline `p`, and the ways to change its definition. Each returns the stored definition, or the errors."""

    def __init__(self, headgate: InProcessHeadgate, url: str) -> None:
        self.headgate, self.url = headgate, url

    async def by_api(self, body: bytes, content_type: str = "application/json") -> Any:
        await self._start()
        answer = await self.headgate.client.put("/pipelines/p", content=body, headers={"Content-Type": content_type})
        if answer.status_code == 422:
            return [": ".join(filter(None, (_hide_body(error["field"]), error["message"]))) for error in answer.json()["errors"]]
        assert answer.status_code == 200, answer.text
        return await self._read()

    async def by_page(self, text: str) -> Any:
        revision = await self._start()
        form = {"definition": re.sub(r"\r\n?|\n", "\r\n", text), "revision": str(revision)}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.headgate.page_client.post("/ui/pipelines/p/edit", content=urlencode(form), headers=headers)
        if answer.status_code == 422:
            items = re.findall(r"<li[^>]*>(.*?)</li>", answer.text.partition('id="problems"')[2].partition("</ol>")[0], re.DOTALL)
            texts = [re.sub(r"<button.*?</button>|<span class=\"line-number\">.*?</span> ", "", item) for item in items]
            return sorted(_hide_body(html.unescape(re.sub(r"<[^>]*>", "", text))) for text in texts)
        assert answer.status_code == 303, answer.text
        return await self._read()

    async def by_terminal(self, data: bytes) -> Any:
        await self._start()
        result = await asyncio.to_thread(
            lambda: CliRunner().invoke(app, ["apply", "-"], env={"HEADGATE_URL": self.url, "COLUMNS": "10000"}, input=data)
        )
        if result.exit_code == 1:
            return [_hide_body(re.sub(r"^standard input: (line \d+: )?", "", line)) for line in result.stderr.splitlines()]
        assert result.exit_code == 0, result.output
        return await self._read()

    async def _start(self) -> int:
        answer = await self.headgate.client.put("/pipelines/p", content=BEFORE)
        if answer.status_code == 404:
            answer = await self.headgate.client.post("/pipelines/", content=BEFORE)
        return int(answer.json()["revision"])

    async def _read(self) -> Any:
        """Return what was defined, as JSON text, which tells 1 from 1.0 and true."""
        stored = (await self.headgate.client.get("/pipelines/p")).json()
        names = ("description", "tags", "parameters", "env", "parallelism")
        return json.dumps([{name: stored.get(name) for name in names}, [stage["name"] for stage in stored["stages"]]])


def hide_positions(errors: list[str]) -> list[str]:
    """Return the errors as the page lists them: it shows the line of each as a link."""
    return sorted(part for error in errors for part in re.split(r"(?:^|; )line \d+, column \d+: ", error) if part)


def _hide_body(message: str) -> str:
    """Return the message without the API's name for the whole text."""
    return message.removeprefix("body").removeprefix(": ")


@pytest.fixture
async def readers() -> AsyncIterator[Readers]:
    headgate = InProcessHeadgate()
    await headgate.start_change_feed()
    server = LoopServer(headgate.app)
    await server.start()
    async with headgate:
        yield Readers(headgate, server.url)
    await server.stop()


def with_default(default: str) -> str:
    return f'{{"name": "p", {STAGES}, "parameters": {{"properties": {{"a": {{"default": {default}}}}}}}}}'


JSON: dict[str, str] = {
    "plain": f'{{"name": "p", {STAGES}}}',
    "byte order mark": f'\ufeff{{"name": "p", "tags": ["x"], {STAGES}}}',
    "CRLF": f'{{\r\n"name": "p",\r\n"tags": ["x"],\r\n{STAGES}\r\n}}\r\n',
    "tabs": f'{{\n\t"name": "p",\n\t"tags": ["x"],\n\t{STAGES}\n}}',
    "escapes": f'{{"name": "p", "description": "\\ud83d\\ude00 \\u00e9\\n\\t\\"\\/", {STAGES}}}',
    "line separators": f'{{"name": "p", "description": "a\u2028b\x85c", {STAGES}}}',
    "a date": f'{{"name": "p", "description": "2026-01-31", "tags": ["1e3", "0o7", "yes"], "env": {{"T": "12:30:00"}}, {STAGES}}}',
    "texts that look like other types": f'{{"name": "p", "tags": ["null", "true", "1e3"], "env": {{"NO": "no", "NULL": "~"}}, {STAGES}}}',
    "1e3": with_default("1e3"),
    "1.0": with_default("1.0"),
    "minus zero": with_default("-0.0"),
    "over 2^53": with_default("9007199254740993"),
    "the largest integer": with_default("9223372036854775807"),
    "nested values": with_default('{"a": [1, 1.5, null, true, {"b": []}]}'),
    "an empty key": with_default('{"": 1, "<<": {"a": 1}, "&a": "*a"}'),
    "a parallelism": f'{{"name": "p", "parallelism": 3, {STAGES}}}',
}


@pytest.mark.parametrize("text", JSON.values(), ids=JSON)
async def test_json_gives_the_same_definition_everywhere(readers: Readers, text: str) -> None:
    found = await readers.by_api(text.encode())

    assert isinstance(found, str) and "before" not in found
    assert await readers.by_page(text) == found
    assert await readers.by_terminal(text.encode()) == found


@pytest.mark.parametrize(
    "content_type", ["application/vnd.api+json", "application/cloudevents+json", "text/json", "application/json; charset=utf-8"]
)
async def test_json_is_read_with_every_content_type_of_json(readers: Readers, content_type: str) -> None:
    text = JSON["byte order mark"].encode()

    assert await readers.by_api(text, content_type) == await readers.by_terminal(text)


REFUSED: dict[str, str] = {
    "a key twice": f'{{"name": "p",\n"tags": [], {STAGES},\n"tags": ["x"]}}',
    "a key twice in a stage": '{"name": "p", "stages": [{"name": "a", "kind": "external", "name": "b"}]}',
    "a key twice in parameters": f'{{"name": "p", {STAGES}, "parameters": {{"properties": {{"a": {{}}, "a": {{}}}}}}}}',
    "half a surrogate pair": f'{{"name": "p", "description": "\\ud83d", {STAGES}}}',
    "a NUL": f'{{"name": "p", "description": "a\\u0000b", {STAGES}}}',
    "over 64 bits": with_default("9223372036854775808"),
    "5,000 digits": with_default("9" * 5_000),
    "1e999": with_default("1e999"),
    "NaN": with_default("NaN"),
    "a comment": f'{{"name": "p", // why\n{STAGES}}}',
    "a comment before": f'/* why */ {{"name": "p", {STAGES}}}',
    "no end": '{"name": "p", "stages": [',
    "no comma": f'{{"name": "p" {STAGES}}}',
    "70 levels": with_default("[" * 70 + "]" * 70),
    "7,000 levels": with_default("[" * 7_000 + "]" * 7_000),
    "a list": f'[{{"name": "p", {STAGES}}}]',
    "a number": "7",
    "a text": '"p"',
    "true": "true",
    "an empty object": "{}",
    "no stages": '{"name": "p", "stages": []}',
    "an unknown key": f'{{"name": "p", {STAGES}, "tmeout": 3}}',
    "an unknown key of a stage": '{"name": "p", "stages": [{"name": "a", "kind": "external", "tmeout": 3}]}',
    "a number in a command": '{"name": "p", "stages": [{"name": "a", "command": ["sleep", 5]}]}',
    "true as a text": f'{{"name": "p", "description": true, {STAGES}}}',
    "null as a text": f'{{"name": "p", "description": null, {STAGES}}}',
    "null as a type": f'{{"name": "p", {STAGES}, "parameters": {{"properties": {{"a": {{"type": ["string", null]}}}}}}}}',
    "nullable of OpenAPI": f'{{"name": "p", {STAGES}, "parameters": {{"properties": {{"a": {{"type": "string", "nullable": true}}}}}}}}',
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
async def test_json_is_refused_in_the_same_words_everywhere(readers: Readers, text: str) -> None:
    errors = await readers.by_api(text.encode())

    assert isinstance(errors, list) and all(errors)
    assert await readers.by_page(text) == hide_positions(errors)
    assert await readers.by_terminal(text.encode()) == errors


YAML: dict[str, str] = {
    "plain": "name: p\nstages:\n  - {name: a, kind: external}\n",
    "byte order mark": "\ufeffname: p\nstages: [{name: a, kind: external}]\n",
    "CRLF": "name: p\r\nstages:\r\n  - name: a\r\n    kind: external\r\n",
    "one document with marks": "---\nname: p\nstages: [{name: a, kind: external}]\n...\n",
    "empty documents": "---\n---\nname: p\nstages: [{name: a, kind: external}]\n---\n",
    "several lines": "name: p\ndescription: |\n  one\n\n  two\nstages: [{name: a, kind: external}]\n",
    "folded lines": "name: p\ndescription: >-\n  one\n  two\nstages: [{name: a, kind: external}]\n",
    "a date": "name: p\nparameters: {properties: {a: {default: 2026-01-31}}}\nstages: [{name: a, kind: external}]\n",
    "anchors": "name: p\nstages:\n  - &s {name: a, kind: external}\n  - {<<: *s, name: b}\n",
    "an anchor of a value": "name: p\ndescription: &d text\ntags: [*d]\nstages: [{name: a, kind: external}]\n",
    "flow style": "{name: p, tags: ['x', \"y\"], stages: [{name: a, kind: external}],}\n",
    "comments": "# why\nname: p # because\nstages: [{name: a, kind: external}]\n",
}


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
async def test_yaml_gives_the_same_definition_on_the_page_and_in_the_terminal(readers: Readers, text: str) -> None:
    found = await readers.by_terminal(text.encode())

    assert isinstance(found, str) and "before" not in found
    assert await readers.by_page(text) == found


REFUSED_YAML: dict[str, str] = {
    "a key twice": "name: p\ntags: []\ntags: [x]\nstages: []\n",
    "a tab": "name: p\nstages:\n\t- name: a\n",
    "a number in a command": "name: p\nstages: [{name: a, command: [sleep, 5]}]\n",
    "yes as a text": "name: p\ndescription: yes\nstages: [{name: a, kind: external}]\n",
    "no end": "name: p\nstages: [\n",
    "a tag": "name: p\ndescription: !!binary aGk=\nstages: []\n",
    "null as a type": "name: p\nparameters: {properties: {a: {type: [string, null]}}}\nstages: [{name: a, kind: external}]\n",
    "over 64 bits": "name: p\nparameters: {properties: {a: {default: 9223372036854775808}}}\nstages: [{name: a, kind: external}]\n",
    "5,000 digits": f"name: p\nparameters: {{properties: {{a: {{default: {'9' * 5_000}}}}}}}\nstages: []\n",
    "an alias of itself": "name: p\nstages: &s [*s]\n",
    "aliases that expand to millions": "a: &a [x, x, x, x, x, x, x]\n"
    + "".join(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)),
    "an alias of a long text": f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 200)}]\n",
    "a text": "just text\n",
}


@pytest.mark.parametrize("text", REFUSED_YAML.values(), ids=REFUSED_YAML)
async def test_yaml_is_refused_in_the_same_words_on_the_page_and_in_the_terminal(readers: Readers, text: str) -> None:
    errors = await readers.by_terminal(text.encode())

    assert isinstance(errors, list) and all(errors)
    assert await readers.by_page(text) == hide_positions(errors)
    assert await readers.by_api(text.encode(), "application/yaml") == errors
    assert (await readers.by_api(text.encode()))[0].startswith("must be valid JSON: line 1, column 1")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
async def test_other_encodings_are_named_in_the_same_words(readers: Readers, encoding: str) -> None:
    data = f'{{"name": "p", "description": "é", {STAGES}}}'.encode(encoding)

    errors = await readers.by_api(data)

    assert "UTF-8" in errors[0]
    assert await readers.by_terminal(data) == [f"the file {errors[0]}"]


@pytest.mark.parametrize("text", ["", " \n", "---\n", "# nothing\n", "null", "~"])
async def test_an_empty_text_is_no_definition(readers: Readers, text: str) -> None:
    assert await readers.by_page(text) == ["the definition is empty; it must be an object with the keys name and stages"]
    assert await readers.by_terminal(text.encode()) == ["the file is empty"]
    assert isinstance(await readers.by_api(text.encode()), list)


async def test_a_page_stores_one_definition_of_several(readers: Readers) -> None:
    text = YAML["plain"] + "---\n" + YAML["plain"].replace("name: p", "name: q")

    assert await readers.by_page(text) == ["has 2 definitions; only one can be stored here"]
