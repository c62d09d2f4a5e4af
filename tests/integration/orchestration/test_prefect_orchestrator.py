"""The engine's port against a real Prefect server."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from adapters.orchestration.prefect_orchestrator import PrefectOrchestrator
from adapters.system.network import find_free_port
from application.ports.dispatch.orchestrator import FlowRunRequest, FlowState
from domain.errors import Unavailable
from tests.support.prefect_server import RunningPrefect


@pytest.fixture
async def rest(prefect: RunningPrefect) -> AsyncIterator[PrefectOrchestrator]:
    rest = PrefectOrchestrator(prefect.api_url, prefect.auth_string)
    yield rest
    await rest.close()


def a_request(pool: str = "", state: FlowState | None = FlowState.PENDING, key: str = "") -> FlowRunRequest:
    parameters = {"run_id": 7, "number": 3, "epoch": 1}
    return FlowRunRequest(pool or f"pool-{uuid.uuid4().hex[:8]}", key or uuid.uuid4().hex, "flights #3", parameters, state)


async def test_a_flow_run_is_born_pending_with_its_name_and_parameters(rest: PrefectOrchestrator) -> None:
    created = await rest.create(a_request())

    assert (created["name"], created["state_type"]) == ("flights #3", "PENDING")
    assert created["parameters"] == {"run_id": 7, "number": 3, "epoch": 1}
    assert await rest.get_states([created["id"]]) == {created["id"]: FlowState.PENDING}


@pytest.mark.parametrize("state", [FlowState.COMPLETED, FlowState.FAILED, FlowState.CRASHED, FlowState.CANCELLED])
async def test_a_dispatch_that_is_over_is_recorded_as_it_ended(rest: PrefectOrchestrator, state: FlowState) -> None:
    flow_run_id = await rest.create_flow_run(a_request(state=state))

    assert await rest.get_states([flow_run_id]) == {flow_run_id: state}


async def test_without_a_state_it_waits_scheduled_in_a_process_pool(rest: PrefectOrchestrator) -> None:
    request = a_request(state=None)

    flow_run_id = await rest.create_flow_run(request)

    assert await rest.get_states([flow_run_id]) == {flow_run_id: FlowState.SCHEDULED}
    assert (await rest._http.get(f"/work_pools/{request.pool}"))["type"] == "process"


async def test_the_same_key_gives_the_same_flow_run(rest: PrefectOrchestrator) -> None:
    request = a_request()

    assert await rest.create_flow_run(request) == await rest.create_flow_run(request)


async def test_a_deleted_deployment_and_pool_are_made_again(rest: PrefectOrchestrator) -> None:
    request = a_request()
    await rest.create_flow_run(request)
    await rest._http._http.delete(f"/work_pools/{request.pool}")
    found = await rest._http.get(f"/deployments/name/run_pipeline/{request.pool}")
    if found is not None:
        await rest._http._http.delete(f"/deployments/{found['id']}")

    created = await rest.create(a_request(request.pool))

    assert created["work_pool_name"] == request.pool
    assert (await rest._http.get(f"/work_pools/{request.pool}"))["type"] == "headgate"


async def test_two_that_make_a_pool_at_once_both_get_their_flow_run(prefect: RunningPrefect, rest: PrefectOrchestrator) -> None:
    other = PrefectOrchestrator(prefect.api_url, prefect.auth_string)
    first = a_request()

    made = await asyncio.gather(rest.create_flow_run(first), other.create_flow_run(a_request(first.pool)))

    assert len(set(made)) == 2
    await other.close()


async def test_a_state_is_forced_even_out_of_a_terminal_one(rest: PrefectOrchestrator) -> None:
    flow_run_id = await rest.create_flow_run(a_request(state=FlowState.COMPLETED))

    await rest.set_state(flow_run_id, FlowState.CRASHED, "lost")

    assert await rest.get_states([flow_run_id]) == {flow_run_id: FlowState.CRASHED}


async def test_flow_runs_that_are_gone_or_never_were_are_passed_over(rest: PrefectOrchestrator) -> None:
    gone = str(uuid.uuid4())

    await rest.set_state(gone, FlowState.CRASHED, "")
    await rest.set_state("no-uuid", FlowState.CRASHED, "")

    assert await rest.get_states([gone, "no-uuid"]) == {}


async def test_more_states_than_one_page_are_all_found(rest: PrefectOrchestrator) -> None:
    flow_run_id = await rest.create_flow_run(a_request())
    many = [str(uuid.uuid4()) for _ in range(450)]

    assert await rest.get_states([*many, flow_run_id]) == {flow_run_id: FlowState.PENDING}


async def test_it_says_whether_it_is_healthy(rest: PrefectOrchestrator) -> None:
    nowhere = PrefectOrchestrator(f"http://127.0.0.1:{find_free_port()}/api")

    assert await rest.is_healthy()
    assert not await nowhere.is_healthy()
    with pytest.raises(Unavailable):
        await nowhere.create_flow_run(a_request())
    await nowhere.close()


async def test_a_wrong_auth_string_is_named(prefect: RunningPrefect) -> None:
    stranger = PrefectOrchestrator(prefect.api_url, "headgate:wrong")

    with pytest.raises(Unavailable, match="auth string"):
        await stranger.get_states([str(uuid.uuid4())])
    await stranger.close()
