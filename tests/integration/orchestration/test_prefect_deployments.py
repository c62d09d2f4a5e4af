"""The deployments against a real Prefect server: what only Prefect itself can show."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.orchestration.prefect_deployments import PrefectDeployments
from adapters.orchestration.prefect_environment import build_client_environment
from adapters.orchestration.prefect_orchestrator import PrefectOrchestrator
from adapters.system.clock import SystemClock
from application.ports.dispatch.deployments import Deployment, DeploymentRun, FlowLogPosition
from application.ports.dispatch.orchestrator import FlowRunRejected, FlowRunRequest
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from tests.contracts.dispatch.prefects import RealPrefect, a_real_prefect
from tests.support.prefect_server import RunningPrefect
from tests.support.waiting import eventually_finds

ORDER_SCHEMA = {
    "title": "Parameters",
    "type": "object",
    "properties": {"order": {"$ref": "#/definitions/Order", "title": "order"}},
    "required": ["order"],
    "definitions": {
        "Order": {"type": "object", "properties": {"items": {"type": "array", "items": {"$ref": "#/definitions/Item"}}}},
        "Item": {"type": "object", "properties": {"count": {"type": "integer", "minimum": 1}}, "required": ["count"]},
    },
}
FLOW = """
import logging

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run

@task
def report():
    create_markdown_artifact(key="notes", markdown="first")
    create_markdown_artifact(key="notes", markdown="# Done")

@flow(persist_result=True, result_serializer="json")
def train():
    get_run_logger().info("It trains.\\nWith two lines.")
    get_run_logger().debug("too fine")
    create_table_artifact(key="rows", table=[{"name": "a", "count": 3}], description="The rows.")
    report()
    print(flow_run.id)
    return {"rows": 3, "mean": 1.5, "day": None}

train()
"""


@pytest.fixture
async def real(prefect: RunningPrefect) -> AsyncIterator[RealPrefect]:
    async with a_real_prefect(prefect) as real:
        yield real


def a_name() -> str:
    return f"ml-{uuid.uuid4().hex[:8]}/train"


def a_run(deployment: str, **parameters: Any) -> DeploymentRun:
    return DeploymentRun(deployment, uuid.uuid4().hex, "nightly#1 train", parameters, {"traceparent": "00-1-2-01"})


async def run_flow(prefect: RunningPrefect, folder: Path, **variables: str) -> str:
    """Run the flow above in a process and return the id of its flow run."""
    (folder / "flow.py").write_text(FLOW)
    environment = build_client_environment(folder, prefect.api_url, prefect.auth_string, os.environ)
    environment |= {"PREFECT_LOGGING_TO_API_ENABLED": "true", "PREFECT_LOGGING_LEVEL": "INFO"} | variables
    process = await asyncio.create_subprocess_exec(
        sys.executable, "flow.py", cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode().split()[-1]


async def get_parameters(real: RealPrefect, flow_run_id: str) -> Mapping[str, Any]:
    return dict((await real.api.get(f"/flow_runs/{flow_run_id}")).raise_for_status().json()["parameters"])


async def test_headgates_own_deployments_are_not_among_them(prefect: RunningPrefect, real: RealPrefect) -> None:
    orchestrator = PrefectOrchestrator(prefect.api_url, prefect.auth_string)
    await orchestrator.create_flow_run(FlowRunRequest("own-pool", uuid.uuid4().hex, "x", {}, FlowState.PENDING))
    await orchestrator.close()

    assert "run_pipeline/own-pool" not in [each.name for each in await real.deployments.list_all()]
    assert await real.deployments.find("run_pipeline/own-pool") is None


async def test_a_users_flow_of_the_same_name_as_headgates_own_is_among_them(real: RealPrefect) -> None:
    name = f"run_pipeline/{uuid.uuid4().hex[:8]}"
    await real.add(Deployment("", name, pool="k8s", is_strict=False))

    assert await real.deployments.find(name) in await real.deployments.list_all()


async def test_more_deployments_than_fit_into_a_response_are_all_listed(real: RealPrefect) -> None:
    flow = f"many-{uuid.uuid4().hex[:8]}"
    await real.add_all([Deployment("", f"{flow}/d{number:03}", pool="k8s", is_strict=False) for number in range(230)])

    listed = [each.name for each in await real.deployments.list_all() if each.name.startswith(flow)]

    assert listed == [f"{flow}/d{number:03}" for number in range(230)]


async def test_a_schema_with_references_comes_as_it_is_and_prefect_checks_by_it(real: RealPrefect) -> None:
    name = a_name()
    await real.add(Deployment("", name, ORDER_SCHEMA, pool="k8s"))

    found = await real.deployments.find(name)
    assert found is not None
    assert found.schema == ORDER_SCHEMA

    assert await real.deployments.create_flow_run(a_run(name, order={"items": [{"count": 2}]}))
    with pytest.raises(FlowRunRejected, match=r"^Prefect rejected the flow run: .*'order.items\[0\].count'.*less than the minimum of 1"):
        await real.deployments.create_flow_run(a_run(name, order={"items": [{"count": 0}]}))


async def test_parameters_reach_the_flow_run_as_they_are_over_the_defaults(real: RealPrefect) -> None:
    name = a_name()
    await real.add(Deployment("", name, pool="k8s", defaults={"day": 1, "region": "eu"}, is_strict=False))
    (await real.api.post("/variables/", json={"name": f"v{uuid.uuid4().hex[:8]}", "value": "a secret"})).raise_for_status()
    odd = {"__prefect_kind": "jinja", "template": "{{ 1 + 1 }}"}

    flow_run_id = await real.deployments.create_flow_run(a_run(name, day=2, deep={"list": [odd, 5]}, odd=odd))

    assert await get_parameters(real, flow_run_id) == {"day": 2, "region": "eu", "deep": {"list": [odd, 5]}, "odd": odd}


async def test_the_trace_is_a_label_of_the_flow_run(real: RealPrefect) -> None:
    name = a_name()
    await real.add(Deployment("", name, pool="k8s", is_strict=False))

    flow_run_id = await real.deployments.create_flow_run(a_run(name))

    record = (await real.api.get(f"/flow_runs/{flow_run_id}")).json()
    assert (record["name"], record["labels"]["traceparent"]) == ("nightly#1 train", "00-1-2-01")


async def test_a_paused_deployment_still_takes_flow_runs(real: RealPrefect) -> None:
    """Pausing a deployment pauses its schedules in Prefect."""
    name = a_name()
    await real.add(Deployment("", name, pool="k8s", is_paused=True, is_strict=False))

    assert await real.deployments.create_flow_run(a_run(name))


async def test_a_running_flow_run_says_how_long_it_has_run(real: RealPrefect) -> None:
    name = a_name()
    await real.add(Deployment("", name, pool="k8s", is_strict=False))
    flow_run_id = await real.deployments.create_flow_run(a_run(name))
    await real.set_state(flow_run_id, FlowState.RUNNING)

    async def has_run() -> bool:
        return (await real.deployments.observe([flow_run_id]))[flow_run_id].run_seconds > 0

    assert await eventually_finds(has_run)


async def test_a_pool_that_starts_nothing_says_why(real: RealPrefect) -> None:
    prefix = uuid.uuid4().hex[:6]
    pools = {name: f"{name}-{prefix}" for name in ("idle", "paused", "busy", "served", "headgate", "missing", "closed")}
    for name in pools.values():
        if name != pools["missing"]:
            kind = "headgate" if name == pools["headgate"] else "process"
            await real.post("/work_pools/", {"name": name, "type": kind})
    for name in ("served", "busy", "paused", "headgate", "closed"):
        (await real.api.post(f"/work_pools/{pools[name]}/workers/heartbeat", json={"name": "w"})).raise_for_status()
    (await real.api.patch(f"/work_pools/{pools['paused']}", json={"is_paused": True})).raise_for_status()
    (await real.api.patch(f"/work_pools/{pools['busy']}", json={"concurrency_limit": 1})).raise_for_status()
    (await real.api.patch(f"/work_pools/{pools['closed']}", json={"concurrency_limit": 0})).raise_for_status()
    await real.add(Deployment("", name := a_name(), pool=pools["busy"], is_strict=False))
    await real.set_state(await real.deployments.create_flow_run(a_run(name)), FlowState.RUNNING)

    assert await real.deployments.find_pool_problems(pools.values()) == {
        pools["idle"]: f"pool {pools['idle']} has no worker",
        pools["paused"]: f"pool {pools['paused']} is paused",
        pools["busy"]: f"the only slot of pool {pools['busy']} is taken",
        pools["headgate"]: f"the workers of pool {pools['headgate']} are Headgate's own, which run no deployments",
        pools["missing"]: f"Prefect has no pool {pools['missing']}",
        pools["closed"]: f"pool {pools['closed']} has a limit of 0",
    }


async def test_a_flow_has_its_result_artifacts_and_messages(prefect: RunningPrefect, real: RealPrefect, tmp_path: Path) -> None:
    """A flow run in Headgate's environment of Prefect stores its result in the folder that is allowed by default."""
    flow_run_id = await run_flow(prefect, tmp_path)
    deployments = PrefectDeployments(prefect.api_url, prefect.auth_string, SystemClock(), [tmp_path / "prefect" / "storage"])

    output = await deployments.read_output(flow_run_id)
    page = await deployments.read_log(flow_run_id, FlowLogPosition(), is_over=True)
    await deployments.close()

    assert output == {
        "result": {"rows": 3, "mean": 1.5, "day": None},
        "artifacts": [
            {"key": "rows", "type": "table", "description": "The rows.", "data": [{"name": "a", "count": 3}]},
            {"key": "notes", "type": "markdown", "description": None, "data": "# Done"},
        ],
    }
    texts = [line.text for line in page.lines]
    assert "It trains.\nWith two lines." in texts
    assert "too fine" not in texts
    assert texts[-1] == "Finished in state Completed()"


async def test_a_result_in_a_folder_that_is_not_allowed_is_left_out(prefect: RunningPrefect, real: RealPrefect, tmp_path: Path) -> None:
    flow_run_id = await run_flow(prefect, tmp_path, PREFECT_LOCAL_STORAGE_PATH=str(tmp_path / "elsewhere"))

    output = await real.deployments.read_output(flow_run_id)

    assert output["result"] is None
    assert output["left_out"] == ["The result is in a folder that HEADGATE_PREFECT_RESULTS does not name."]
    assert len(output["artifacts"]) == 2


async def test_a_wrong_auth_string_is_unavailable(prefect: RunningPrefect) -> None:
    deployments = PrefectDeployments(prefect.api_url, "headgate:a-wrong-password", SystemClock())

    with pytest.raises(Unavailable, match="auth string") as raised:
        await deployments.list_all()
    await deployments.close()

    assert "a-wrong-password" not in str(raised.value)


async def test_a_frozen_server_is_unavailable(prefect: RunningPrefect) -> None:
    deployments = PrefectDeployments(prefect.api_url, prefect.auth_string, SystemClock(), seconds=1.0)

    with prefect.frozen(), pytest.raises(Unavailable, match="does not respond"):
        await deployments.observe([str(uuid.uuid4())])
    await deployments.close()
