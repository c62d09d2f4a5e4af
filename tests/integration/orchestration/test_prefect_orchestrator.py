"""The orchestrator against a real Prefect server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from adapters.orchestration.prefect_api_client import PrefectApiClient
from adapters.orchestration.prefect_orchestrator import ENTRYPOINT, PrefectOrchestrator
from application.ports.dispatch.orchestrator import FlowRunRequest
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from tests.support.ports import find_free_port
from tests.support.prefect_server import RunningPrefect


@pytest.fixture
async def orchestrator(prefect: RunningPrefect) -> AsyncIterator[PrefectOrchestrator]:
    orchestrator = PrefectOrchestrator(prefect.api_url, prefect.auth_string)
    yield orchestrator
    await orchestrator.close()


@pytest.fixture
async def api(prefect: RunningPrefect) -> AsyncIterator[PrefectApiClient]:
    api = PrefectApiClient(prefect.api_url, prefect.auth_string)
    yield api
    await api.close()


def a_request(pool: str = "", state: FlowState | None = FlowState.PENDING, key: str = "") -> FlowRunRequest:
    parameters = {"run_id": 7, "number": 3, "epoch": 1}
    return FlowRunRequest(pool or f"pool-{uuid.uuid4().hex[:8]}", key or uuid.uuid4().hex, "flights#3", parameters, state)


async def test_a_flow_run_is_created_pending_with_its_name_and_parameters(orchestrator: PrefectOrchestrator) -> None:
    created = await orchestrator.create(a_request())

    assert (created["name"], created["state_type"]) == ("flights#3", "PENDING")
    assert created["parameters"] == {"run_id": 7, "number": 3, "epoch": 1}
    assert await orchestrator.get_states([created["id"]]) == {created["id"]: FlowState.PENDING}


@pytest.mark.parametrize("state", [FlowState.COMPLETED, FlowState.FAILED, FlowState.CRASHED, FlowState.CANCELLED])
async def test_a_finished_dispatch_is_recorded_in_its_final_state(orchestrator: PrefectOrchestrator, state: FlowState) -> None:
    flow_run_id = await orchestrator.create_flow_run(a_request(state=state))

    assert await orchestrator.get_states([flow_run_id]) == {flow_run_id: state}


async def test_without_a_state_a_flow_run_is_scheduled_in_a_process_pool(orchestrator: PrefectOrchestrator, api: PrefectApiClient) -> None:
    request = a_request(state=None)

    flow_run_id = await orchestrator.create_flow_run(request)

    assert await orchestrator.get_states([flow_run_id]) == {flow_run_id: FlowState.SCHEDULED}
    assert (await api.get(f"/work_pools/{request.pool}"))["type"] == "process"


async def test_the_same_key_gives_the_same_flow_run(orchestrator: PrefectOrchestrator) -> None:
    request = a_request()

    assert await orchestrator.create_flow_run(request) == await orchestrator.create_flow_run(request)


async def test_a_deleted_deployment_and_pool_are_created_again(
    prefect: RunningPrefect, orchestrator: PrefectOrchestrator, api: PrefectApiClient
) -> None:
    request = a_request()
    await orchestrator.create_flow_run(request)
    user, _, password = prefect.auth_string.partition(":")
    async with httpx.AsyncClient(base_url=prefect.api_url, auth=(user, password), trust_env=False) as client:
        await client.delete(f"/work_pools/{request.pool}")
        deployment = await api.get(f"/deployments/name/run_pipeline/{request.pool}")
        if deployment is not None:
            await client.delete(f"/deployments/{deployment['id']}")

    created = await orchestrator.create(a_request(request.pool))

    assert created["work_pool_name"] == request.pool
    assert (await api.get(f"/work_pools/{request.pool}"))["type"] == "headgate"


async def test_a_deployment_of_an_earlier_release_gets_the_present_entrypoint(
    orchestrator: PrefectOrchestrator, api: PrefectApiClient
) -> None:
    request = a_request()
    await orchestrator.ensure_pool(request.pool, "headgate")
    flow = await api.post("/flows/", {"name": "run_pipeline"})
    earlier = {"name": request.pool, "flow_id": flow["id"], "work_pool_name": request.pool, "entrypoint": "earlier.module.run_pipeline"}
    await api.post("/deployments/", earlier)

    await orchestrator.create_flow_run(request)

    assert (await api.get(f"/deployments/name/run_pipeline/{request.pool}"))["entrypoint"] == ENTRYPOINT


async def test_two_processes_can_create_a_pool_at_once(prefect: RunningPrefect, orchestrator: PrefectOrchestrator) -> None:
    other = PrefectOrchestrator(prefect.api_url, prefect.auth_string)
    first = a_request()

    created = await asyncio.gather(orchestrator.create_flow_run(first), other.create_flow_run(a_request(first.pool)))

    assert len(set(created)) == 2
    await other.close()


async def test_a_terminal_state_can_be_replaced(orchestrator: PrefectOrchestrator) -> None:
    flow_run_id = await orchestrator.create_flow_run(a_request(state=FlowState.COMPLETED))

    await orchestrator.set_state(flow_run_id, FlowState.CRASHED, "lost")

    assert await orchestrator.get_states([flow_run_id]) == {flow_run_id: FlowState.CRASHED}


async def test_missing_flow_runs_are_ignored(orchestrator: PrefectOrchestrator) -> None:
    missing = str(uuid.uuid4())

    await orchestrator.set_state(missing, FlowState.CRASHED, "")
    await orchestrator.set_state("no-uuid", FlowState.CRASHED, "")

    assert await orchestrator.get_states([missing, "no-uuid"]) == {}


async def test_more_states_than_fit_into_a_request_are_all_found(orchestrator: PrefectOrchestrator) -> None:
    flow_run_id = await orchestrator.create_flow_run(a_request())
    many = [str(uuid.uuid4()) for _ in range(450)]

    assert await orchestrator.get_states([*many, flow_run_id]) == {flow_run_id: FlowState.PENDING}


async def test_health_follows_the_server(orchestrator: PrefectOrchestrator) -> None:
    unreachable = PrefectOrchestrator(f"http://127.0.0.1:{find_free_port()}/api")

    assert await orchestrator.is_healthy()
    assert not await unreachable.is_healthy()
    with pytest.raises(Unavailable):
        await unreachable.create_flow_run(a_request())
    await unreachable.close()


async def test_a_wrong_auth_string_is_reported(prefect: RunningPrefect) -> None:
    unauthorized = PrefectOrchestrator(prefect.api_url, "headgate:wrong")

    with pytest.raises(Unavailable, match="auth string"):
        await unauthorized.get_states([str(uuid.uuid4())])
    await unauthorized.close()
