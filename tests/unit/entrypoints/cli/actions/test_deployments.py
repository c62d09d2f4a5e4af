"""`headgate deployments`, and what other commands show of stages of kind `prefect`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

from typer.testing import CliRunner, Result

from domain.flow_runs.flow_state import FlowState
from entrypoints.cli.app import app
from tests.support.flow_run_stories import created, observed
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer

SCHEMA: Final = {"type": "object", "properties": {"day": {"type": "string"}, "rate": {"type": "number"}}, "required": ["day", "rate"]}
NIGHTLY: Final = """
name: nightly
stages:
  - {name: train, deployment: ml/train, parameters: {day: today}}
"""


async def run(headgate: InProcessHeadgate, *arguments: object) -> Result:
    server = LoopServer(headgate.app)
    await server.start()
    try:
        environment = {"HEADGATE_URL": server.url, "COLUMNS": "10000", "TZ": "UTC"}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, [str(each) for each in arguments], env=environment))
    finally:
        await server.stop()


def lines(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


async def test_deployments_are_listed_with_their_pools_and_parameters() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.deployments.add("ml/train", SCHEMA, description="Trains the model.\nEvery day.", defaults={"rate": 1})
    headgate.fakes.deployments.add("etl/load", None, pool=None)

    result = await run(headgate, "deployments")

    assert result.exit_code == 0
    assert lines(result) == ["etl/load served by a process", "ml/train pool k8s day*, rate Trains the model."]


async def test_deployments_are_printed_as_json_for_programs() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.deployments.add("ml/train", SCHEMA)

    result = await run(headgate, "deployments", "--json")

    (deployment,) = json.loads(result.stdout)
    assert (deployment["name"], deployment["parameters"]) == ("ml/train", SCHEMA)


async def test_without_deployments_a_sentence_says_how_to_create_one() -> None:
    result = await run(InProcessHeadgate(), "deployments")

    assert (result.exit_code, result.stdout) == (0, "Prefect has no deployments. Create one with: headgate prefect deploy\n")


async def test_a_silent_prefect_is_one_line_and_exit_code_2() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.deployments.is_down = True

    result = await run(headgate, "deployments")

    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "headgate: Prefect does not respond.\n")


async def test_apply_prints_what_could_not_be_checked(tmp_path: Path) -> None:
    (tmp_path / "nightly.yaml").write_text(NIGHTLY)
    headgate = InProcessHeadgate()
    headgate.fakes.deployments.is_down = True

    first = await run(headgate, "apply", tmp_path / "nightly.yaml")
    again = await run(headgate, "apply", tmp_path / "nightly.yaml")

    assert (first.exit_code, again.exit_code) == (0, 0)
    warning = "    warning: Prefect does not respond, so the deployment ml/train was not checked.\n"
    assert first.stderr == again.stderr == warning


async def test_apply_refuses_an_unknown_deployment_by_its_field(tmp_path: Path) -> None:
    (tmp_path / "nightly.yaml").write_text(NIGHTLY)

    result = await run(InProcessHeadgate(), "apply", tmp_path / "nightly.yaml")

    assert result.exit_code == 1
    assert "stages[0].deployment: Prefect has no deployment ml/train" in result.stderr


async def test_status_says_why_a_flow_run_waits() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.deployments.add("ml/train")
    await headgate.use_cases.create_pipeline([{"name": "train", "deployment": "ml/train"}])
    triggered = await headgate.use_cases.trigger()
    now = headgate.fakes.clock.now()
    async with headgate.fakes.open_unit_of_work() as work:
        stored = (await work.runs.lock([triggered.run_id]))[triggered.run_id]
        created("train", now)(stored)
        observed("train", FlowState.SCHEDULED, now, "Late", problem="pool k8s has no worker")(stored)
        await work.runs.save(stored)
        await work.commit()

    result = await run(headgate, "status", triggered.run_id)

    assert "train queued pool k8s has no worker" in lines(result)
