"""The Prefect reconciler, stepped by hand over fakes."""

import pytest

from application.commands.runs.retry_run import RetryRunCommand
from application.ports.dispatch.orchestrator import FlowRunRequest
from domain.flow_runs.flow_state import FlowState
from tests.support.in_process import InProcessHeadgate


async def record_flow_run(headgate: InProcessHeadgate, run_id: int, state: FlowState) -> str:
    """Create and record a flow run, as the worker of the dispatch does."""
    flow_run_id = await headgate.fakes.orchestrator.create_flow_run(FlowRunRequest("headgate", f"key-{run_id}", "a run", {}, state))
    await headgate.application.record_flow_run()(run_id, 1, flow_run_id)
    return flow_run_id


async def test_a_flow_run_cancelled_in_prefect_cancels_the_run() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    flow_run_id = await record_flow_run(headgate, run_id, FlowState.RUNNING)
    await headgate.fakes.orchestrator.set_state(flow_run_id, FlowState.CANCELLING, "by hand")

    await headgate.application.prefect_reconciler().run_once()

    assert (await headgate.use_cases.get_run(run_id)).stop_requested_at is not None


async def test_no_flow_run_stays_running_after_its_dispatch_has_ended() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    flow_run_id = await record_flow_run(headgate, run_id, FlowState.RUNNING)
    await headgate.use_cases.advance(run_id, ("a", "failed"))
    reconciler = headgate.application.prefect_reconciler()

    await reconciler.run_once()
    early = await headgate.fakes.orchestrator.get_states([flow_run_id])
    headgate.fakes.clock.advance(30)
    await reconciler.run_once()

    assert early[flow_run_id] is FlowState.RUNNING
    assert (await headgate.fakes.orchestrator.get_states([flow_run_id]))[flow_run_id] is FlowState.FAILED


@pytest.mark.parametrize(("status", "final_state"), [("completed", FlowState.COMPLETED), ("failed", FlowState.FAILED)])
async def test_a_crashed_flow_run_of_a_dispatch_that_ended_gets_its_final_state(status: str, final_state: FlowState) -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    flow_run_id = await record_flow_run(headgate, run_id, FlowState.RUNNING)
    await headgate.use_cases.advance(run_id, ("a", status))
    reconciler = headgate.application.prefect_reconciler()

    for _ in range(2):  # a worker that ends may set the state even after it was corrected
        await headgate.fakes.orchestrator.set_state(flow_run_id, FlowState.CRASHED, "the engine was cancelled")
        await reconciler.run_once()
    await reconciler.run_once()

    assert (await headgate.fakes.orchestrator.get_states([flow_run_id]))[flow_run_id] is final_state


async def test_an_unclaimed_dispatch_without_a_flow_run_is_requested_again() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run_id = (await headgate.use_cases.trigger()).run_id
    relay = headgate.application.outbox_relay()
    await relay.run_once()
    [first] = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    headgate.fakes.orchestrator.lose(first)

    await headgate.application.prefect_reconciler().run_once()
    await relay.run_once()

    assert (await headgate.use_cases.get_run(run_id)).dispatch_epoch == 2
    assert len((await headgate.use_cases.get_run(run_id)).flow_run_ids) == 2


async def test_a_dispatch_that_its_running_flow_never_claims_is_replaced() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.outbox_relay().run_once()
    [flow_run] = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    await headgate.fakes.orchestrator.set_state(flow_run, FlowState.RUNNING, "its process started and died")
    reconciler = headgate.application.prefect_reconciler()
    headgate.fakes.clock.advance(100)

    await reconciler.run_once()
    first = (await headgate.use_cases.get_run(run_id)).dispatch_epoch
    headgate.fakes.clock.advance(61)
    await reconciler.run_once()

    after = await headgate.use_cases.get_run(run_id)
    assert (first, after.dispatch_epoch, after.dispatch_state) == (1, 2, "requested")


async def test_a_run_that_is_over_can_be_retried_after_its_unclaimed_flow_run_was_cancelled_in_prefect() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    run_id = (await headgate.use_cases.trigger()).run_id
    relay, reconciler = headgate.application.outbox_relay(), headgate.application.prefect_reconciler()
    await relay.run_once()
    [first] = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    await headgate.application.cancel_stage()(run_id, "a")
    await headgate.fakes.orchestrator.set_state(first, FlowState.CANCELLED, "by hand")
    await reconciler.run_once()

    await headgate.application.retry_run()(RetryRunCommand(run_id))
    await relay.run_once()
    await reconciler.run_once()

    run = await headgate.use_cases.get_run(run_id)
    assert (run.status, run.dispatch_epoch, len(run.flow_run_ids)) == ("queued", 2, 2)
