from uuid import uuid4

import pytest

from application.ports.dispatch.orchestrator import FlowRunRequest
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from tests.contracts.dispatch.orchestrators import EngineUnderTest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def a_request(key: str | None = None, state: FlowState | None = FlowState.PENDING, pool: str = "headgate") -> FlowRunRequest:
    return FlowRunRequest(pool, key or f"test:{uuid4()}:1", "nightly#1", {"run_id": 1, "epoch": 1}, state, {"traceparent": "00-1-2-01"})


async def test_a_flow_run_is_created_in_the_requested_state(engine: EngineUnderTest) -> None:
    pending = await engine.orchestrator.create_flow_run(a_request())
    running = await engine.orchestrator.create_flow_run(a_request(state=FlowState.RUNNING))

    states = await engine.orchestrator.get_states([pending, running])

    assert dict(states) == {pending: FlowState.PENDING, running: FlowState.RUNNING}


async def test_a_scheduled_flow_run_in_a_new_pool_counts_as_pending(engine: EngineUnderTest) -> None:
    pool = f"pool-{uuid4().hex[:8]}"

    flow_run_id = await engine.orchestrator.create_flow_run(a_request(state=None, pool=pool))

    assert await engine.orchestrator.get_states([flow_run_id]) == {flow_run_id: FlowState.PENDING}


async def test_a_repeated_request_returns_the_same_flow_run(engine: EngineUnderTest) -> None:
    key = f"test:{uuid4()}:1"

    first = await engine.orchestrator.create_flow_run(a_request(key))
    again = await engine.orchestrator.create_flow_run(a_request(key))
    other = await engine.orchestrator.create_flow_run(a_request())

    assert first == again
    assert other != first


@pytest.mark.parametrize("state", [FlowState.COMPLETED, FlowState.FAILED, FlowState.CRASHED, FlowState.CANCELLED])
async def test_a_state_can_be_forced_from_any_other(engine: EngineUnderTest, state: FlowState) -> None:
    flow_run_id = await engine.orchestrator.create_flow_run(a_request())

    await engine.orchestrator.set_state(flow_run_id, FlowState.RUNNING, "it runs")
    await engine.orchestrator.set_state(flow_run_id, state, "it ended")

    assert await engine.orchestrator.get_states([flow_run_id]) == {flow_run_id: state}
    assert state.is_terminal


async def test_a_missing_flow_run_is_ignored(engine: EngineUnderTest) -> None:
    existing = await engine.orchestrator.create_flow_run(a_request())
    deleted = await engine.orchestrator.create_flow_run(a_request())
    await engine.delete(deleted)

    await engine.orchestrator.set_state(deleted, FlowState.CANCELLED, "deleted")
    await engine.orchestrator.set_state(UNKNOWN, FlowState.CANCELLED, "unknown")

    assert await engine.orchestrator.get_states([deleted, existing, UNKNOWN]) == {existing: FlowState.PENDING}
    assert await engine.orchestrator.get_states([]) == {}


async def test_a_deleted_flow_run_can_be_created_again(engine: EngineUnderTest) -> None:
    key = f"test:{uuid4()}:1"
    deleted = await engine.orchestrator.create_flow_run(a_request(key))
    await engine.delete(deleted)

    recreated = await engine.orchestrator.create_flow_run(a_request(key))

    assert recreated != deleted
    assert await engine.orchestrator.get_states([recreated]) == {recreated: FlowState.PENDING}


async def test_a_reachable_engine_is_healthy(engine: EngineUnderTest) -> None:
    assert await engine.orchestrator.is_healthy() is True


async def test_an_unreachable_engine_raises_unavailable(engine: EngineUnderTest) -> None:
    calls = [
        lambda orchestrator: orchestrator.create_flow_run(a_request()),
        lambda orchestrator: orchestrator.get_states([UNKNOWN]),
        lambda orchestrator: orchestrator.set_state(UNKNOWN, FlowState.FAILED, "no"),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            await call(engine.unreachable)
    assert await engine.unreachable.is_healthy() is False
