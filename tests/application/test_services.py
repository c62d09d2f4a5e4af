"""Background services, stepped by hand over fakes."""

from application.ports.links import Claim, Stop
from application.ports.orchestrator import FlowRunRequest, FlowState
from domain.status import Status
from tests.application.system import WORKER, System
from tests.builders import a_stage


async def offer(system: System) -> None:
    offers = system.app.offer_bursts()
    await offers.wait()
    await offers.run_once()


def claims(system: System) -> list[Claim]:
    return [message for _, message in system.fakes.links.pushed if isinstance(message, Claim)]


async def test_a_triggered_run_is_pushed_to_the_linked_worker_with_its_first_stage() -> None:
    system = System()
    system.fakes.links.link(WORKER)
    await system.create(3)

    run_id = (await system.trigger()).run_id
    await offer(system)

    [claim] = claims(system)
    assert (claim.run_id, [start.stage for start in claim.starts]) == (run_id, ["a"])
    assert await system.statuses(run_id) == {"a": Status.RUNNING, "b": Status.PENDING, "c": Status.PENDING}


async def test_bursts_beyond_the_free_slots_wait_and_go_to_the_next_free_one() -> None:
    system = System()
    system.fakes.links.link(WORKER, slots=2)
    await system.create(1)
    runs = [(await system.trigger()).run_id for _ in range(3)]

    await offer(system)
    at_first = [claim.run_id for claim in claims(system)]
    await system.advance(runs[0], ("a", "completed"))
    system.fakes.links.set_free(WORKER, 1, 2)
    await offer(system)

    assert at_first == runs[:2]
    assert [claim.run_id for claim in claims(system)] == runs


async def test_a_burst_of_another_pool_never_goes_to_a_warm_worker() -> None:
    system = System()
    system.fakes.links.link(WORKER)
    await system.create(1, pool="processes")

    run_id = (await system.trigger()).run_id
    await system.app.relay_outbox().run_once()
    await system.app.offer_bursts().run_once()

    run = await system.run(run_id)
    assert claims(system) == []
    assert (run.status, len(run.flow_run_ids)) == (Status.QUEUED, 1)


async def test_a_trigger_while_prefect_is_down_waits_in_the_outbox_and_then_goes() -> None:
    system = System()
    await system.create(1, pool="processes")
    system.fakes.orchestrator.is_down = True
    run_id = (await system.trigger()).run_id

    await system.app.relay_outbox().run_once()
    waiting = await system.run(run_id)
    system.fakes.orchestrator.is_down = False
    system.fakes.clock.advance(60)
    await system.app.relay_outbox().run_once()

    assert (waiting.unrecorded, list(waiting.flow_run_ids)) == (True, [])
    assert len((await system.run(run_id)).flow_run_ids) == 1
    assert not (await system.run(run_id)).unrecorded


async def test_a_warm_burst_whose_worker_left_no_record_is_recorded_as_it_ended() -> None:
    system = System()
    await system.create(1)
    run_id = (await system.trigger()).run_id
    await system.claim(run_id)
    await system.advance(run_id, ("a", "completed"))
    relay = system.app.relay_outbox()

    await relay.run_once()
    early = (await system.run(run_id)).flow_run_ids
    system.fakes.clock.advance(60)
    await relay.run_once()

    [flow_run_id] = (await system.run(run_id)).flow_run_ids
    assert not early
    assert (await system.fakes.orchestrator.states([flow_run_id]))[flow_run_id] is FlowState.COMPLETED


async def test_a_cancel_in_prefect_cancels_the_run() -> None:
    system = System()
    await system.create(2)
    run_id = (await system.trigger()).run_id
    await system.claim(run_id)
    flow_run_id = await recorded(system, run_id, FlowState.RUNNING)
    await system.fakes.orchestrator.set_state(flow_run_id, FlowState.CANCELLING, "by hand")

    await system.app.reconcile().run_once()

    assert (await system.run(run_id)).stop_requested_at is not None


async def test_nothing_stays_running_in_prefect_after_a_burst_is_over() -> None:
    system = System()
    await system.create(1)
    run_id = (await system.trigger()).run_id
    await system.claim(run_id)
    flow_run_id = await recorded(system, run_id, FlowState.RUNNING)
    await system.advance(run_id, ("a", "failed"))
    reconcile = system.app.reconcile()

    await reconcile.run_once()
    early = await system.fakes.orchestrator.states([flow_run_id])
    system.fakes.clock.advance(30)
    await reconcile.run_once()

    assert early[flow_run_id] is FlowState.RUNNING
    assert (await system.fakes.orchestrator.states([flow_run_id]))[flow_run_id] is FlowState.FAILED


async def test_an_unclaimed_burst_whose_flow_run_vanished_is_requested_again() -> None:
    system = System()
    await system.create(1, pool="processes")
    run_id = (await system.trigger()).run_id
    relay = system.app.relay_outbox()
    await relay.run_once()
    [first] = (await system.run(run_id)).flow_run_ids
    system.fakes.orchestrator.lose(first)

    await system.app.reconcile().run_once()
    await relay.run_once()

    assert (await system.run(run_id)).burst_epoch == 2
    assert len((await system.run(run_id)).flow_run_ids) == 2


async def test_a_cancel_by_another_process_reaches_the_worker_linked_here() -> None:
    here = System()
    here.fakes.links.link(WORKER)
    await here.create(1)
    run_id = (await here.trigger()).run_id
    await offer(here)
    follow = here.app.follow_feed()
    await here.app.announce().run_once()
    await follow.run_once()

    await here.beside().app.cancel_run()(run_id)
    await here.app.announce().run_once()
    await follow.run_once()

    assert any(isinstance(message, Stop) and message.run_id == run_id for _, message in here.fakes.links.pushed)


async def test_viewers_get_each_event_once_in_order() -> None:
    system = System()
    await system.create([a_stage("only", "external")], name="remote")
    follow = system.app.follow_feed()
    await system.app.announce().run_once()
    await follow.run_once()

    with system.app.hub().subscribe() as viewer:
        run_id = (await system.trigger("remote")).run_id
        await system.app.announce().run_once()
        await follow.run_once()
        batch = await viewer.next(1)

    assert batch is not None
    assert [event.seq for event in batch.events] == list(range(1, (await system.run(run_id)).last_seq + 1))


async def recorded(system: System, run_id: int, state: FlowState) -> str:
    """As its worker would: the flow run stands in Prefect and is noted."""
    flow_run_id = await system.fakes.orchestrator.create_flow_run(FlowRunRequest("headgate", f"key-{run_id}", "a run", {}, state))
    await system.app.note_flow_run()(run_id, 1, flow_run_id)
    return flow_run_id


async def test_a_burst_whose_flow_began_and_never_claimed_it_goes_to_the_next() -> None:
    system = System()
    await system.create(1, pool="processes")
    run_id = (await system.trigger()).run_id
    await system.app.relay_outbox().run_once()
    [flow_run] = (await system.run(run_id)).flow_run_ids
    await system.fakes.orchestrator.set_state(flow_run, FlowState.RUNNING, "its process began, and died")
    reconcile = system.app.reconcile()
    system.fakes.clock.advance(100)

    await reconcile.run_once()
    at_first = (await system.run(run_id)).burst_epoch
    system.fakes.clock.advance(61)
    await reconcile.run_once()

    after = await system.run(run_id)
    assert (at_first, after.burst_epoch, after.burst_state) == (1, 2, "requested")
