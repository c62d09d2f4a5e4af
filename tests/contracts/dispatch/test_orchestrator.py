from uuid import uuid4

import pytest

from application.ports.dispatch.orchestrator import FlowRunRequest, FlowState
from domain.errors import Unavailable
from tests.contracts.dispatch.orchestrators import EngineUnderTest

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def a_request(key: str | None = None, state: FlowState | None = FlowState.PENDING, pool: str = "headgate") -> FlowRunRequest:
    return FlowRunRequest(pool, key or f"test:{uuid4()}:1", "nightly #1", {"run_id": 1, "epoch": 1}, state, {"traceparent": "00-1-2-01"})


async def test_a_flow_run_is_born_in_the_state_that_was_asked(engine: EngineUnderTest) -> None:
    pending = await engine.orchestrator.create_flow_run(a_request())
    running = await engine.orchestrator.create_flow_run(a_request(state=FlowState.RUNNING))

    states = await engine.orchestrator.get_states([pending, running])

    assert dict(states) == {pending: FlowState.PENDING, running: FlowState.RUNNING}


async def test_a_scheduled_flow_run_in_a_pool_that_is_new_counts_as_pending(engine: EngineUnderTest) -> None:
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


async def test_a_missing_flow_run_is_left_out_and_passed_over(engine: EngineUnderTest) -> None:
    kept = await engine.orchestrator.create_flow_run(a_request())
    gone = await engine.orchestrator.create_flow_run(a_request())
    await engine.delete(gone)

    await engine.orchestrator.set_state(gone, FlowState.CANCELLED, "nobody is there")
    await engine.orchestrator.set_state(UNKNOWN, FlowState.CANCELLED, "nobody ever was")

    assert await engine.orchestrator.get_states([gone, kept, UNKNOWN]) == {kept: FlowState.PENDING}
    assert await engine.orchestrator.get_states([]) == {}


async def test_a_deleted_flow_run_can_be_asked_for_anew(engine: EngineUnderTest) -> None:
    key = f"test:{uuid4()}:1"
    gone = await engine.orchestrator.create_flow_run(a_request(key))
    await engine.delete(gone)

    anew = await engine.orchestrator.create_flow_run(a_request(key))

    assert anew != gone
    assert await engine.orchestrator.get_states([anew]) == {anew: FlowState.PENDING}


async def test_an_engine_that_answers_is_healthy(engine: EngineUnderTest) -> None:
    assert await engine.orchestrator.is_healthy() is True


async def test_an_engine_that_is_not_there_is_unavailable(engine: EngineUnderTest) -> None:
    calls = [
        lambda there: there.create_flow_run(a_request()),
        lambda there: there.get_states([UNKNOWN]),
        lambda there: there.set_state(UNKNOWN, FlowState.FAILED, "no"),
    ]
    for call in calls:
        with pytest.raises(Unavailable):
            await call(engine.unreachable)
    assert await engine.unreachable.is_healthy() is False
