"""The outbox relay, stepped by hand over fakes."""

from application.queries.explain.explanation import explain_run
from application.queries.explain.run_context import RunContext
from domain.flow_runs.flow_state import FlowState
from tests.support.in_process import InProcessHeadgate


async def quarantine_dispatch(headgate: InProcessHeadgate) -> int:
    """Return a run whose dispatch Prefect rejects until it is quarantined."""
    await headgate.use_cases.create_pipeline(1, pool="processes")
    headgate.fakes.orchestrator.refused.add("nightly#1")
    run_id = (await headgate.use_cases.trigger()).run_id
    relay = headgate.application.outbox_relay()
    for _ in range(3):
        await relay.run_once()
        headgate.fakes.clock.advance(60)
    return run_id


async def test_a_dispatch_waits_in_the_outbox_while_prefect_is_down() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    headgate.fakes.orchestrator.is_down = True
    run_id = (await headgate.use_cases.trigger()).run_id

    await headgate.application.outbox_relay().run_once()
    waiting = await headgate.use_cases.get_run(run_id)
    headgate.fakes.orchestrator.is_down = False
    headgate.fakes.clock.advance(60)
    await headgate.application.outbox_relay().run_once()

    assert (waiting.unrecorded, list(waiting.flow_run_ids)) == (True, [])
    assert len((await headgate.use_cases.get_run(run_id)).flow_run_ids) == 1
    assert not (await headgate.use_cases.get_run(run_id)).unrecorded


async def test_a_finished_dispatch_that_its_worker_did_not_record_is_recorded() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, ("a", "completed"))
    relay = headgate.application.outbox_relay()

    await relay.run_once()
    early = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    headgate.fakes.clock.advance(60)
    await relay.run_once()

    [flow_run_id] = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    assert not early
    assert (await headgate.fakes.orchestrator.get_states([flow_run_id]))[flow_run_id] is FlowState.COMPLETED


async def test_a_rejected_dispatch_is_quarantined_with_a_reason_and_does_not_delay_others() -> None:
    headgate = InProcessHeadgate()
    run_id = await quarantine_dispatch(headgate)

    other = (await headgate.use_cases.trigger()).run_id
    await headgate.application.outbox_relay().run_once()

    refused = await headgate.use_cases.get_run(run_id)
    why = str(explain_run(refused, RunContext(headgate.fakes.clock.now(), is_warm=False)))
    assert (refused.unrecorded, list(refused.flow_run_ids)) == (True, [])
    assert "Prefect rejected it (Prefect answered 422: nightly#1 is not accepted). Headgate retries within the hour" in why
    assert len((await headgate.use_cases.get_run(other)).flow_run_ids) == 1


async def test_a_quarantined_dispatch_is_retried_after_an_hour() -> None:
    headgate = InProcessHeadgate()
    run_id = await quarantine_dispatch(headgate)
    headgate.fakes.orchestrator.refused.clear()

    headgate.fakes.clock.advance(3_000)
    await headgate.application.outbox_relay().run_once()
    early = (await headgate.use_cases.get_run(run_id)).flow_run_ids
    headgate.fakes.clock.advance(600)
    await headgate.application.outbox_relay().run_once()

    run = await headgate.use_cases.get_run(run_id)
    assert not early
    assert (len(run.flow_run_ids), run.unrecorded, run.refusal) == (1, False, None)


async def test_a_released_dispatch_is_retried_at_once() -> None:
    headgate = InProcessHeadgate()
    run_id = await quarantine_dispatch(headgate)
    headgate.fakes.orchestrator.refused.clear()

    released = await headgate.application.release_quarantine()()
    await headgate.application.outbox_relay().run_once()

    assert released == 1
    assert len((await headgate.use_cases.get_run(run_id)).flow_run_ids) == 1


async def test_an_outage_of_prefect_quarantines_nothing() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, pool="processes")
    headgate.fakes.orchestrator.is_down = True
    runs = [(await headgate.use_cases.trigger()).run_id for _ in range(3)]

    for _ in range(12):
        await headgate.application.outbox_relay().run_once()
        headgate.fakes.clock.advance(60)
    views = [await headgate.use_cases.get_run(run_id) for run_id in runs]
    headgate.fakes.orchestrator.is_down = False
    await headgate.application.outbox_relay().run_once()

    assert [(view.refusal, view.unrecorded) for view in views] == [(None, True)] * 3
    assert [len((await headgate.use_cases.get_run(run_id)).flow_run_ids) for run_id in runs] == [1, 1, 1]
