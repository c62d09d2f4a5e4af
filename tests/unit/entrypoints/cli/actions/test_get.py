"""`headgate get`."""

from __future__ import annotations

import json

import yaml

from tests.support.in_process import InProcessHeadgate
from tests.support.terminal import run_command

TEXT = "# The nightly load.\nname: etl\nstages: [{name: load, kind: external}]  # one stage\n"


async def a_headgate() -> InProcessHeadgate:
    headgate = InProcessHeadgate()
    answer = await headgate.client.post("/pipelines/", content=TEXT, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 201, answer.text
    await headgate.api.trigger("etl")
    return headgate


async def test_a_definition_is_printed_as_it_was_written() -> None:
    headgate = await a_headgate()
    changed = {"name": "etl", "stages": [{"name": "extract", "kind": "external"}]}
    assert (await headgate.client.put("/pipelines/etl", json=changed)).status_code == 200

    newest, first = await run_command(headgate, "get", "etl"), await run_command(headgate, "get", "etl", "--revision", "1")

    assert first.stdout == TEXT
    assert yaml.safe_load(newest.stdout)["stages"][0]["name"] == "extract"


async def test_json_is_what_the_api_returns() -> None:
    headgate = await a_headgate()

    pipeline, run = await run_command(headgate, "get", "etl", "-o", "json"), await run_command(headgate, "get", "etl#1", "--json")

    assert json.loads(pipeline.stdout) == (await headgate.client.get("/pipelines/etl")).json()
    assert json.loads(run.stdout)["stages"] == (await headgate.client.get("/runs/1/stages")).json()


async def test_a_run_is_printed_as_yaml() -> None:
    shown = yaml.safe_load((await run_command(await a_headgate(), "get", "etl#1")).stdout)

    assert (shown["pipeline"], shown["number"], [stage["name"] for stage in shown["stages"]]) == ("etl", 1, ["load"])


async def test_what_does_not_exist_is_exit_code_2() -> None:
    headgate = await a_headgate()

    results = [await run_command(headgate, "get", *words) for words in (("nothing",), ("etl#2",), ("etl", "--revision", "9"))]

    assert [result.exit_code for result in results] == [2, 2, 2]
    assert "There is no run etl#2." in results[1].stderr
