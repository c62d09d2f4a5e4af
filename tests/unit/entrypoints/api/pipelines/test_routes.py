"""Pipelines and runs, and the answers to invalid input."""

import json
from typing import Any

import pytest

from tests.support.in_process import InProcessHeadgate

A = {"name": "a", "kind": "external"}
MONTH = {"type": "object", "properties": {"month": {"type": "integer", "minimum": 1, "maximum": 12}}}


async def test_a_pipeline_is_created_changed_and_read_by_id_or_name(headgate: InProcessHeadgate) -> None:
    created = await headgate.api.create_pipeline("flights", A, {"name": "b", "kind": "command", "command": ["true"]}, description="Delays")

    changed = await headgate.client.put("/pipelines/flights", json={"name": "flights", "stages": [A]})
    again = await headgate.client.put("/pipelines/1", json={"name": "flights", "stages": [A]})

    assert (created["revision"], created["status"], [stage["needs"] for stage in created["stages"]]) == (1, "pending", [[], ["a"]])
    assert changed.status_code == again.status_code == 200
    assert changed.json()["revision"] == again.json()["revision"] == 2
    assert (await headgate.client.get("/pipelines/flights")).json() == changed.json()
    assert created["created_at"].endswith("Z")


async def test_a_taken_name_is_409_and_an_unknown_one_404(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()

    taken = await headgate.client.post("/pipelines/", json={"name": "flights", "stages": [A]})

    assert (taken.status_code, taken.json()["problem"]) == (409, "name_taken")
    for path in ("/pipelines/nope", "/pipelines/99", f"/pipelines/{10**30}", "/pipelines/%00", "/pipelines/a%20b", "/pipelines/-1"):
        answer = await headgate.client.get(path)
        assert (answer.status_code, answer.json()["problem"]) == (404, "not_found")
    for path in ("/runs/99", "/runs/abc", f"/runs/{10**30}", "/runs/99/events", "/runs/99/logs", "/runs/99/stages"):
        assert (await headgate.client.get(path)).status_code == 404
    assert (await headgate.client.post("/trigger/nope")).status_code == 404
    assert (await headgate.client.post("/runs/99/cancel")).status_code == 404
    assert (await headgate.client.put("/pipelines/nope", json={"name": "nope", "stages": [A]})).status_code == 404


APPROVAL = {"name": "ask", "kind": "approval"}
FIELDS_DEFAULT = "stages[1].fields.properties.n.default"
BAD_DEFINITIONS: list[tuple[Any, str]] = [
    ({"name": "p", "stages": [{**A, "needs": ["b"]}, {"name": "b", "kind": "external", "needs": ["a"]}]}, "stages"),
    ({"name": "p", "stages": [{**A, "needs": ["nope"]}]}, "stages[0].needs"),
    ({"name": "p", "stages": [A, A]}, "stages[1].name"),
    ({"name": "p", "stages": []}, "stages"),
    ({"name": "p"}, "stages"),
    ({"name": "with spaces", "stages": [A]}, "name"),
    ({"name": "n" * 10_000, "stages": [A]}, "name"),
    ({"name": "p", "stages": [{**A, "timeout": -1}]}, "stages[0].timeout"),
    ({"name": "p", "stages": [{**A, "kind": "ritual"}]}, "stages[0].kind"),
    ({"name": "p", "stages": [{**A, "tiemout": 5}]}, "stages[0].tiemout"),
    ({"name": "p", "stages": [{**A, "retries": 1}]}, "stages[0].retries"),
    ({"name": "p", "stages": [A], "parallelism": 2**70}, "parallelism"),
    ({"name": "p", "stages": [A], "description": "\0"}, "description"),
    ({"name": "p", "stages": [A], "description": "\ud800"}, "description"),
    ({"name": "p", "stages": [A], "parameters": {"type": "string"}}, "parameters.type"),
    ({"name": "p", "stages": [A], "parameters": {"properties": {"\ud800": {}}}}, "parameters.properties"),
    ({"name": "p", "stages": [A], "parameters": {"$ref": "#"}}, "parameters"),
    ({"name": "p", "stages": [A], "parameters": {"$ref": "#/nope"}}, "parameters.$ref"),
    ({"name": "p", "stages": [A], "parameters": {"$dynamicRef": "#x"}}, "parameters.$dynamicRef"),
    (
        {"name": "p", "stages": [A], "parameters": {"properties": {"a": {"items": {"$ref": "#/nope"}}}}},
        "parameters.properties.a.items.$ref",
    ),
    ({"name": "p", "stages": [A], "parameters": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}}, "parameters"),
    ({"name": "p", "stages": [A], "parameters": {"properties": {"a": {"pattern": "("}}}}, "parameters.properties.a.pattern"),
    ({"name": "p", "stages": [A], "parameters": {"properties": {"a": {"format": "day"}}}}, "parameters.properties.a.format"),
    (
        {"name": "p", "stages": [A], "parameters": {"properties": {"a": {"format": "date", "default": "x"}}}},
        "parameters.properties.a.default",
    ),
    ({"name": "p", "stages": [A, {**APPROVAL, "fields": {"properties": {"n": {"default": 1, "type": "null"}}}}]}, FIELDS_DEFAULT),
    ([], "body"),
    (None, "body"),
]


@pytest.mark.parametrize(("definition", "field"), BAD_DEFINITIONS)
async def test_an_invalid_definition_names_its_field_and_is_not_stored(headgate: InProcessHeadgate, definition: Any, field: str) -> None:
    answer = await headgate.client.post("/pipelines/", content=encode_escaped(definition))

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert (await headgate.client.get("/pipelines/")).json() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"name": "p", "stages": [{"name": "a", "kind": "external", "timeout": NaN}]}',
        b'{"name": "p", "stages": [{"name": "a", "kind": "external", "timeout": 1e999}]}',
        b'{"name": "p", "parallelism": ' + b"9" * 5_000 + b', "stages": []}',
        b"[" * 100_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
    ],
)
async def test_a_body_that_cannot_be_stored_is_422(headgate: InProcessHeadgate, body: bytes) -> None:
    for path in ("/pipelines/", "/status-update/"):
        answer = await headgate.client.post(path, content=body)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"]


async def test_trigger_parameters_must_fit_the_schema(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("flights", A, parameters=MONTH)

    answers = [
        await headgate.client.post("/trigger/flights", json={"parameters": {"month": 13}}),
        await headgate.client.post("/trigger/flights", json={"parameters": {"month": "6"}}),
        await headgate.client.post("/trigger/flights", json={"paramters": {}}),
        await headgate.client.post("/trigger/flights", json=[]),
        await headgate.client.post("/trigger/flights", content=b'{"parameters": {"month": NaN}}'),
    ]
    good = await headgate.client.post("/trigger/flights", json={"parameters": {"month": 6}})
    bare = await headgate.client.post("/trigger/1")

    assert [answer.status_code for answer in answers] == [422] * 5
    assert [answer.json()["errors"][0]["field"] for answer in answers][:3] == ["parameters.month", "parameters.month", "paramters"]
    assert (good.json()["number"], bare.json()["number"]) == (1, 2)
    assert (await headgate.client.get("/runs/1")).json()["parameters"] == {"month": 6}


async def test_a_schema_that_recurses_forever_is_refused_when_it_is_saved(headgate: InProcessHeadgate) -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}

    answer = await headgate.client.post("/pipelines/", json={"name": "odd", "stages": [A], "parameters": schema})

    assert answer.status_code == 422
    assert "refer to themselves" in answer.json()["errors"][0]["message"]


async def test_runs_are_listed_newest_first_by_pipeline_and_status(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("one")
    await headgate.api.create_pipeline("two")
    for name in ("one", "two", "one"):
        await headgate.api.trigger(name)
    await headgate.client.post("/runs/1/cancel")

    of_one = (await headgate.client.get("/pipelines/one/runs")).json()
    cancelled = (await headgate.client.get("/runs/?status=cancelled")).json()

    assert [run["id"] for run in of_one] == [3, 1]
    assert [(run["id"], run["why"]) for run in cancelled] == [(1, "Cancelled before certify completed. A retry starts at certify.")]
    assert [run["id"] for run in (await headgate.client.get("/runs/?skip=1&limit=1")).json()] == [2]
    assert (await headgate.client.get("/runs/?status=odd")).json()["errors"][0]["field"] == "status"


@pytest.mark.parametrize("query", ["skip=-1", "skip=x", "limit=0", "limit=1001", f"skip={10**30}", "limit=NaN"])
async def test_a_page_out_of_bounds_names_its_field(headgate: InProcessHeadgate, query: str) -> None:
    answer = await headgate.client.get(f"/pipelines/?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


async def test_cancelling_twice_is_harmless_and_a_finished_run_is_409(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline()
    run_id = await headgate.api.trigger()

    first = await headgate.client.post(f"/runs/{run_id}/cancel", json={"message": "the wrong file"})
    second = await headgate.client.post(f"/runs/{run_id}/cancel")

    assert (first.status_code, first.json()["status"]) == (202, "cancelled")
    assert (second.status_code, second.json()["problem"], second.json()["state"]) == (409, "run_over", "cancelled")


async def test_why_mentions_workers_and_prefect(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", {"name": "a", "command": ["true"]})
    await headgate.api.create_pipeline("far", {"name": "a", "command": ["true"]}, pool="cluster")
    headgate.fakes.orchestrator.is_down = True
    warm, cold = await headgate.api.trigger("work"), await headgate.api.trigger("far")

    assert "no worker is online in pool headgate" in (await headgate.client.get(f"/runs/{warm}")).json()["why"]
    assert "Prefect does not respond" in (await headgate.client.get(f"/runs/{cold}")).json()["why"]


async def test_the_callers_trace_context_reaches_the_worker(headgate: InProcessHeadgate) -> None:
    await headgate.api.create_pipeline("work", {"name": "a", "command": ["true"]})
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    await headgate.client.post("/trigger/work", headers={"traceparent": trace})

    assert headgate.fakes.store.committed.runs[1].trace == {"traceparent": trace}


def encode_escaped(value: Any) -> bytes:
    return json.dumps(value).encode()


async def test_a_dry_run_compares_groups_unless_it_plans_several_definitions(headgate: InProcessHeadgate) -> None:
    body = {"name": "reports", "stages": [{"name": "query", "command": ["true"], "uses": ["warehouse"]}]}

    alone = await headgate.client.post("/pipelines/?dry_run=true", json=body)
    planned = await headgate.client.post("/pipelines/?dry_run=true&check_groups=false", json=body)
    stored = await headgate.client.post("/pipelines/?check_groups=false", json=body)

    assert (alone.status_code, alone.json()["errors"][0]["field"]) == (422, "stages[0].uses")
    assert (planned.status_code, planned.json()["name"]) == (201, "reports")
    assert (stored.status_code, stored.json()["errors"][0]["field"]) == (422, "check_groups")
    assert (await headgate.client.get("/pipelines/")).json() == []
