"""Pipelines and runs by HTTP, and what bad input gets."""

import json
from typing import Any

import pytest

from tests.support.api_harness import ApiHarness

A = {"name": "a", "kind": "external"}
MONTH = {"type": "object", "properties": {"month": {"type": "integer", "minimum": 1, "maximum": 12}}}


async def test_a_pipeline_is_made_changed_and_read_by_id_or_name(house: ApiHarness) -> None:
    made = await house.create("flights", A, {"name": "b", "kind": "command", "command": ["true"]}, description="Delays")

    changed = await house.client.put("/pipelines/flights", json={"name": "flights", "stages": [A]})
    again = await house.client.put("/pipelines/1", json={"name": "flights", "stages": [A]})

    assert (made["revision"], made["status"], [stage["needs"] for stage in made["stages"]]) == (1, "pending", [[], ["a"]])
    assert changed.status_code == again.status_code == 200
    assert changed.json()["revision"] == again.json()["revision"] == 2
    assert (await house.client.get("/pipelines/flights")).json() == changed.json()
    assert made["created_at"].endswith("Z")


async def test_a_taken_name_is_a_conflict_and_an_unknown_one_not_found(house: ApiHarness) -> None:
    await house.create()

    taken = await house.client.post("/pipelines/", json={"name": "flights", "stages": [A]})

    assert (taken.status_code, taken.json()["problem"]) == (409, "name_taken")
    for path in ("/pipelines/nope", "/pipelines/99", f"/pipelines/{10**30}", "/pipelines/%00", "/pipelines/a%20b", "/pipelines/-1"):
        answer = await house.client.get(path)
        assert (answer.status_code, answer.json()["problem"]) == (404, "not_found")
    for path in ("/runs/99", "/runs/abc", f"/runs/{10**30}", "/runs/99/events", "/runs/99/logs", "/runs/99/stages"):
        assert (await house.client.get(path)).status_code == 404
    assert (await house.client.post("/trigger/nope")).status_code == 404
    assert (await house.client.post("/runs/99/cancel")).status_code == 404
    assert (await house.client.put("/pipelines/nope", json={"name": "nope", "stages": [A]})).status_code == 404


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
    ({"name": "p", "stages": [A], "parameters": {"$ref": "#/nope"}}, "parameters"),
    ({"name": "p", "stages": [A], "parameters": {"$dynamicRef": "#x"}}, "parameters"),
    ({"name": "p", "stages": [A], "parameters": {"properties": {"a": {"items": {"$ref": "#/nope"}}}}}, "parameters"),
    ({"name": "p", "stages": [A], "parameters": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}}, "parameters"),
    ({"name": "p", "stages": [A], "parameters": {"properties": {"a": {"pattern": "("}}}}, "parameters.properties.a.pattern"),
    ([], "body"),
    (None, "body"),
]


@pytest.mark.parametrize(("definition", "field"), BAD_DEFINITIONS)
async def test_a_bad_definition_is_refused_by_its_field_and_nothing_is_stored(house: ApiHarness, definition: Any, field: str) -> None:
    answer = await house.client.post("/pipelines/", content=_escaped(definition))

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert (await house.client.get("/pipelines/")).json() == []


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
async def test_what_is_no_json_that_can_be_stored_is_a_422(house: ApiHarness, body: bytes) -> None:
    for path in ("/pipelines/", "/status-update/"):
        answer = await house.client.post(path, content=body)

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"]


async def test_a_trigger_takes_parameters_that_fit_the_schema_or_nothing(house: ApiHarness) -> None:
    await house.create("flights", A, parameters=MONTH)

    answers = [
        await house.client.post("/trigger/flights", json={"parameters": {"month": 13}}),
        await house.client.post("/trigger/flights", json={"parameters": {"month": "6"}}),
        await house.client.post("/trigger/flights", json={"paramters": {}}),
        await house.client.post("/trigger/flights", json=[]),
        await house.client.post("/trigger/flights", content=b'{"parameters": {"month": NaN}}'),
    ]
    good = await house.client.post("/trigger/flights", json={"parameters": {"month": 6}})
    bare = await house.client.post("/trigger/1")

    assert [answer.status_code for answer in answers] == [422] * 5
    assert [answer.json()["errors"][0]["field"] for answer in answers][:3] == ["parameters.month", "parameters.month", "paramters"]
    assert (good.json()["number"], bare.json()["number"]) == (1, 2)
    assert (await house.client.get("/runs/1")).json()["parameters"] == {"month": 6}


async def test_a_schema_that_goes_in_circles_only_with_some_parameters_refuses_those(house: ApiHarness) -> None:
    await house.create(
        "odd", A, parameters={"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}}
    )

    assert (await house.client.post("/trigger/odd", json={"parameters": {"a": 1}})).status_code == 422
    assert (await house.client.post("/trigger/odd", json={"parameters": {}})).status_code == 202


async def test_runs_are_listed_newest_first_by_pipeline_and_status(house: ApiHarness) -> None:
    await house.create("one")
    await house.create("two")
    for name in ("one", "two", "one"):
        await house.trigger(name)
    await house.client.post("/runs/1/cancel")

    of_one = (await house.client.get("/pipelines/one/runs")).json()
    cancelled = (await house.client.get("/runs/?status=cancelled")).json()

    assert [run["id"] for run in of_one] == [3, 1]
    assert [(run["id"], run["why"]) for run in cancelled] == [(1, "Cancelled before certify completed. A retry starts at certify.")]
    assert [run["id"] for run in (await house.client.get("/runs/?skip=1&limit=1")).json()] == [2]
    assert (await house.client.get("/runs/?status=odd")).json()["errors"][0]["field"] == "status"


@pytest.mark.parametrize("query", ["skip=-1", "skip=x", "limit=0", "limit=1001", f"skip={10**30}", "limit=NaN"])
async def test_a_page_out_of_bounds_is_refused_by_its_field(house: ApiHarness, query: str) -> None:
    answer = await house.client.get(f"/pipelines/?{query}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


async def test_cancelling_twice_is_cancelling_once_and_a_finished_run_is_a_conflict(house: ApiHarness) -> None:
    await house.create()
    run_id = await house.trigger()

    first = await house.client.post(f"/runs/{run_id}/cancel", json={"message": "the wrong file"})
    second = await house.client.post(f"/runs/{run_id}/cancel")

    assert (first.status_code, first.json()["status"]) == (202, "cancelled")
    assert (second.status_code, second.json()["problem"], second.json()["state"]) == (409, "run_over", "cancelled")


async def test_why_tells_of_what_stands_around_the_run(house: ApiHarness) -> None:
    await house.create("work", {"name": "a", "command": ["true"]})
    await house.create("far", {"name": "a", "command": ["true"]}, pool="cluster")
    house.fakes.orchestrator.is_down = True
    warm, cold = await house.trigger("work"), await house.trigger("far")

    assert "no worker is online in pool headgate" in (await house.client.get(f"/runs/{warm}")).json()["why"]
    assert "Prefect does not answer" in (await house.client.get(f"/runs/{cold}")).json()["why"]


async def test_the_callers_trace_goes_on_to_the_worker(house: ApiHarness) -> None:
    await house.create("work", {"name": "a", "command": ["true"]})
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    await house.client.post("/trigger/work", headers={"traceparent": trace})

    assert house.fakes.store.committed.runs[1].trace == {"traceparent": trace}


def _escaped(value: Any) -> bytes:
    return json.dumps(value).encode()
