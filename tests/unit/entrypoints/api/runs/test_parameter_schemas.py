"""Parameters, repeated parameters and the fields of an approval are checked against their schema, in bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests.support.in_process import InProcessHeadgate

Send = Callable[[Any], Coroutine[Any, Any, httpx.Response]]
ROUTES = ["trigger", "again", "approve"]


async def define(headgate: InProcessHeadgate, schema: dict[str, Any]) -> httpx.Response:
    stages = [{"name": "work", "kind": "external"}, {"name": "ok", "kind": "approval", "needs": [], "fields": schema}]
    return await headgate.client.post("/pipelines/", json={"name": "p", "parameters": schema, "stages": stages})


async def prepare(headgate: InProcessHeadgate, schema: dict[str, Any], route: str) -> Send:
    """Define a pipeline with the schema, and return a function that sends values to the route. No value is required at first."""
    answer = await define(headgate, schema)
    assert answer.status_code == 201, answer.text
    run_id = await headgate.api.trigger("p") if route != "trigger" else 0
    url = {"trigger": "/trigger/p", "again": f"/runs/{run_id}/again", "approve": f"/runs/{run_id}/stages/ok/approve"}[route]
    name = "fields" if route == "approve" else "parameters"

    async def send(values: Any) -> httpx.Response:
        return await headgate.client.post(url, json={name: values})

    return send


def find_fields(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["field"].partition(".")[2] for error in answer.json()["errors"]]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("date", "2024-02-29", ["2024-02-31", "tomorrow", "../../etc", "2023-02-29", "20240229", "2024-2-9", " 2024-02-28", "2024-02-28 "]),
        ("time", "10:00:00Z", ["10:00", "25:00:00Z", "10:61:00Z", "noon", "10:00:00"]),
        ("date-time", "2024-02-29T10:00:00+02:00", ["2024-02-29", "2024-02-30T10:00:00Z", "2024-02-29T10:00:00", "now", "1709200800"]),
        ("duration", "PT1H30M", ["1h30m", "P", "PT", "90", "-"]),
        ("email", "a@example.com", ["a", "a@", "@b", "a b@c.example", "a@b@c"]),
        ("hostname", "db-1.example.com", ["-db", "a_b", "a..b", "http://a", "a b"]),
        ("ipv4", "10.0.0.1", ["10.0.0", "10.0.0.256", "10.0.0.01", "::1", "10.0.0.1/8"]),
        ("ipv6", "::1", ["10.0.0.1", ":::", "g::", "1:2", "::1%eth0"]),
        ("uri", "s3://bucket/key", ["bucket/key", "http://a b", "//host", "", "\\\\server"]),
        ("uuid", "2eb8aa08-aa98-11ea-b4aa-73b441d16380", ["2eb8aa08", "2eb8aa08aa9811eab4aa73b441d16380", "x" * 36, "", "{}"]),
        ("regex", "^a+$", ["(", "a**", "[z-a]", "(?<n", "\\"]),
        ("json-pointer", "/a/0", ["a", "/a~2", "#/a", "a/b", "~"]),
    ],
)
async def test_a_text_that_is_not_of_its_format_is_refused(
    headgate: InProcessHeadgate, route: str, name: str, right: str, wrong: list[str]
) -> None:
    send = await prepare(headgate, {"type": "object", "properties": {"a": {"type": "string", "format": name}}}, route)

    assert [text for text in wrong if find_fields(await send({"a": text})) != ["a"]] == []
    assert (await send({"a": right})).status_code in (200, 202)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"pattern": r"^([a-z0-9]+[-_.]?)+@corp$"}, "a" * 50_000 + "!"),
        ({"pattern": r"^(a+)+$"}, "a" * 50_000 + "!"),
        ({"pattern": r"^(\w+\s?)*$"}, "w " * 20_000 + "!"),
        ({"pattern": r"^(a|a?)+$"}, "a" * 50_000 + "!"),
        ({"pattern": r"(.*)*=.*$"}, "x" * 20_000),
        ({"pattern": r"^(?=(a+)+$)"}, "a" * 1_000 + "!"),
        ({"pattern": r"^(a+)+\1$"}, "a" * 1_000 + "!"),
        ({"pattern": r"^(?!(a|aa)+$)b"}, "a" * 1_000),
        ({"pattern": r"(?<=(a|aa))x(?:a|aa)+$"}, "xa" * 500 + "!"),
        ({"items": {"pattern": r"^([a-z]+)*$"}}, ["a" * 2_000 + "!"] * 20),
        ({"propertyNames": {"pattern": r"^([a-z]+)*$"}}, {"a" * 5_000 + "!": 1}),
        ({"patternProperties": {r"^(x+x+)+y$": False}, "additionalProperties": {"type": "string"}}, {"x" * 5_000: 1}),
        ({"anyOf": [{"pattern": r"^(a+)+$"}, {"pattern": r"^(b+)+$"}]}, "a" * 20_000 + "!"),
        ({"$ref": "#/$defs/slow"}, "x" * 20_000),
    ],
)
async def test_a_pattern_never_keeps_other_requests_waiting(headgate: InProcessHeadgate, route: str, rule: Any, value: Any) -> None:
    """The check ends by itself: it is bounded in work, so the probe beside it is answered, too."""
    schema = {"properties": {"a": rule}, "$defs": {"slow": {"type": "string", "pattern": r"^(x+x+)+y$"}}}
    send = await prepare(headgate, schema, route)

    async with asyncio.timeout(60):
        answer, probe = await asyncio.gather(send({"a": value}), headgate.client.get("/livez"))

    assert probe.status_code == 200
    fields = find_fields(answer)
    assert fields and {field.partition(".")[0].partition("[")[0] for field in fields} <= {"a", ""}


REGION = {"type": "string", "enum": ["n", "s"], "default": "n"}
RETRY = {"type": "object", "properties": {"count": {"type": "integer", "default": 3}}, "required": ["count"]}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("rule", "given", "stored"),
    [
        ({"$ref": "#/$defs/region"}, {}, {"a": "n"}),
        ({"$ref": "#/$defs/region"}, {"a": "s"}, {"a": "s"}),
        ({"allOf": [{"$ref": "#/$defs/region"}, {"title": "Region"}]}, {}, {"a": "n"}),
        ({"$ref": "#/$defs/retry"}, {"a": {}}, {"a": {"count": 3}}),
        ({"$ref": "#/$defs/retry", "default": {}}, {}, {"a": {"count": 3}}),
        ({"type": "object", "properties": {"b": {"$ref": "#/$defs/retry"}}}, {"a": {"b": {}}}, {"a": {"b": {"count": 3}}}),
        ({"type": "array", "items": {"$ref": "#/$defs/retry"}}, {"a": [{}, {"count": 1}]}, {"a": [{"count": 3}, {"count": 1}]}),
        ({"type": "array", "items": {"type": "integer"}, "default": [1, 2]}, {}, {"a": [1, 2]}),
        ({"type": ["string", "null"], "default": None}, {}, {"a": None}),
        ({"additionalProperties": {"$ref": "#/$defs/retry"}}, {"a": {"x": {}}}, {"a": {"x": {"count": 3}}}),
    ],
)
async def test_defaults_are_applied_and_stored(
    headgate: InProcessHeadgate, route: str, rule: dict[str, Any], given: Any, stored: Any
) -> None:
    send = await prepare(headgate, {"type": "object", "properties": {"a": rule}, "$defs": {"region": REGION, "retry": RETRY}}, route)

    answer = await send(given)

    assert answer.status_code in (200, 202), answer.text
    run_id = answer.json()["run_id"]
    if route == "approve":
        stages = (await headgate.client.get(f"/runs/{run_id}/stages")).json()
        assert stages[-1]["output"] == stored
    else:
        assert (await headgate.client.get(f"/runs/{run_id}")).json()["parameters"] == stored


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"type": "integer", "default": "3"}, "properties.a.default"),
        ({"type": "string", "format": "date", "default": "tomorrow"}, "properties.a.default"),
        ({"type": "string", "pattern": "^[a-z]+$", "default": "A"}, "properties.a.default"),
        ({"$ref": "#/$defs/region", "default": "x"}, "properties.a.default"),
        ({"allOf": [{"type": "integer"}], "default": "x"}, "properties.a.default"),
        ({"type": "object", "properties": {"b": {"type": "integer", "default": 1.5}}}, "properties.a.properties.b.default"),
        (
            {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "string", "default": 1}}}},
            "properties.a.items.properties.b.default",
        ),
        ({"type": "array", "items": {"type": "integer"}, "default": [1, "x"]}, "properties.a.default"),
        ({"type": "object", "required": ["b"], "default": {}}, "properties.a.default"),
        ({"type": "string", "pattern": "("}, "properties.a.pattern"),
        ({"type": "string", "pattern": "(?P<x>a)(?P=x)"}, "properties.a.pattern"),
        ({"type": "string", "pattern": "((a{1,100}){1,100}){1,100}"}, "properties.a.pattern"),
        ({"type": "string", "format": "datum"}, "properties.a.format"),
        ({"$ref": "#/$defs/none"}, "properties.a.$ref"),
    ],
)
async def test_an_invalid_schema_is_refused_when_it_is_saved(headgate: InProcessHeadgate, rule: dict[str, Any], place: str) -> None:
    answer = await define(headgate, {"type": "object", "properties": {"a": rule}, "$defs": {"region": REGION}})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [f"parameters.{place}", f"stages[1].fields.{place}"]
    assert (await headgate.client.get("/pipelines/p")).status_code == 404
