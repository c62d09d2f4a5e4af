"""The web records the dispatches of workers that have no access to Prefect."""

import pytest

from domain.errors import Conflict
from domain.flow_runs.flow_state import FlowState
from tests.support.in_process import InProcessHeadgate


async def start_run(headgate: InProcessHeadgate) -> int:
    """Return a run whose dispatch a worker has claimed."""
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    return run_id


async def find_states(headgate: InProcessHeadgate, run_id: int) -> list[FlowState]:
    """Return the states in Prefect of the flow runs that Headgate shows for a run."""
    flow_run_ids = list((await headgate.use_cases.get_run(run_id)).flow_run_ids)
    states = await headgate.fakes.orchestrator.get_states(flow_run_ids)
    return [states[flow_run_id] for flow_run_id in flow_run_ids]


@pytest.mark.parametrize(("status", "final_state"), [("completed", FlowState.COMPLETED), ("failed", FlowState.FAILED)])
async def test_a_dispatch_runs_in_prefect_and_ends_there_when_it_has_ended(status: str, final_state: FlowState) -> None:
    headgate = InProcessHeadgate()
    run_id = await start_run(headgate)
    record_dispatch = headgate.application.record_dispatch()

    assert await record_dispatch(run_id, 1)
    begun = await find_states(headgate, run_id)
    await headgate.use_cases.advance(run_id, ("a", status))
    assert await record_dispatch(run_id, 1)

    assert (begun, await find_states(headgate, run_id)) == ([FlowState.RUNNING], [final_state])
    assert [request.name for request in headgate.fakes.orchestrator.requests.values()] == ["nightly#1"]
    assert not (await headgate.use_cases.get_run(run_id)).unrecorded


async def test_a_dispatch_that_has_ended_already_is_created_in_its_final_state() -> None:
    headgate = InProcessHeadgate()
    run_id = await start_run(headgate)
    await headgate.use_cases.advance(run_id, ("a", "failed"))

    assert await headgate.application.record_dispatch()(run_id, 1)

    assert await find_states(headgate, run_id) == [FlowState.FAILED]
    assert headgate.fakes.orchestrator.messages == {}


async def test_a_dispatch_stays_in_the_outbox_while_prefect_is_down() -> None:
    headgate = InProcessHeadgate()
    run_id = await start_run(headgate)
    headgate.fakes.orchestrator.is_down = True

    assert not await headgate.application.record_dispatch()(run_id, 1)

    assert (await headgate.use_cases.get_run(run_id)).unrecorded


@pytest.mark.parametrize("epoch", [1, 2])
async def test_a_dispatch_that_no_worker_has_claimed_is_refused(epoch: int) -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id

    with pytest.raises(Conflict, match=f"No worker has claimed dispatch {epoch} of run {run_id}"):
        await headgate.application.record_dispatch()(run_id, epoch)

    assert headgate.fakes.orchestrator.requests == {}
