"""The dispatcher, stepped by hand over fakes."""

from application.ports.dispatch.worker_messages import Claim
from application.services.dispatch.local_wakeups import MAX_DISPATCH_REQUESTS, DispatchRequest
from domain.runs.status import Status
from tests.support.actions import WORKER
from tests.support.in_process import InProcessHeadgate


async def run_dispatcher(headgate: InProcessHeadgate) -> None:
    dispatcher = headgate.application.dispatcher()
    await dispatcher.wait()
    await dispatcher.run_once()


def get_claims(headgate: InProcessHeadgate) -> list[Claim]:
    return [message for _, message in headgate.fakes.worker_streams.pushed if isinstance(message, Claim)]


async def test_a_triggered_run_is_sent_to_the_connected_worker_with_its_first_stage() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline(3)

    run_id = (await headgate.use_cases.trigger()).run_id
    await run_dispatcher(headgate)

    [claim] = get_claims(headgate)
    assert (claim.run_id, [start.stage for start in claim.starts]) == (run_id, ["a"])
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.RUNNING, "b": Status.PENDING, "c": Status.PENDING}


async def test_dispatches_beyond_the_free_slots_wait_for_the_next_free_slot() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER, slots=2)
    await headgate.use_cases.create_pipeline(1)
    runs = [(await headgate.use_cases.trigger()).run_id for _ in range(3)]

    await run_dispatcher(headgate)
    first = [claim.run_id for claim in get_claims(headgate)]
    await headgate.use_cases.advance(runs[0], ("a", "completed"))
    headgate.fakes.worker_streams.set_free_slots(WORKER, 1, 2)
    await run_dispatcher(headgate)

    assert first == runs[:2]
    assert [claim.run_id for claim in get_claims(headgate)] == runs


async def test_dispatches_that_wait_are_sent_by_priority_then_by_age() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1, priority=0)
    await headgate.use_cases.create_pipeline(1, "urgent", priority=10)
    await headgate.use_cases.create_pipeline(1, "unimportant", priority=-10)
    runs = {name: (await headgate.use_cases.trigger(name)).run_id for name in ("unimportant", "nightly", "urgent")}
    last = (await headgate.use_cases.trigger("nightly")).run_id

    headgate.fakes.worker_streams.link(WORKER, slots=4)
    await run_dispatcher(headgate)

    assert [claim.run_id for claim in get_claims(headgate)] == [runs["urgent"], runs["nightly"], last, runs["unimportant"]]


async def test_a_slot_that_becomes_free_goes_to_the_dispatch_with_the_highest_priority() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER, slots=1)
    await headgate.use_cases.create_pipeline(1)
    await headgate.use_cases.create_pipeline(1, "urgent", priority=10)
    first, second, urgent = [(await headgate.use_cases.trigger(name)).run_id for name in ("nightly", "nightly", "urgent")]
    await run_dispatcher(headgate)

    await headgate.use_cases.advance(first, ("a", "completed"))
    headgate.fakes.worker_streams.set_free_slots(WORKER, 1, 1)
    await run_dispatcher(headgate)

    assert [claim.run_id for claim in get_claims(headgate)] == [first, urgent]
    assert await headgate.use_cases.get_stage_statuses(second) == {"a": Status.QUEUED}


async def test_a_dispatch_of_a_prefect_pool_is_never_sent_to_a_headgate_worker() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline(1, pool="processes")

    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.outbox_relay().run_once()
    await headgate.application.dispatcher().run_once()

    run = await headgate.use_cases.get_run(run_id)
    assert get_claims(headgate) == []
    assert (run.status, len(run.flow_run_ids)) == (Status.QUEUED, 1)


async def test_too_many_requests_are_bounded_and_none_is_lost() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    wakeups = headgate.application.wakeups()
    for epoch in range(2 * MAX_DISPATCH_REQUESTS):
        wakeups.request_dispatch(DispatchRequest(404, epoch, "headgate"))

    headgate.fakes.worker_streams.link(WORKER)
    assert wakeups.dispatch_requests.qsize() == MAX_DISPATCH_REQUESTS
    for _ in range(3):
        await run_dispatcher(headgate)

    assert [claim.run_id for claim in get_claims(headgate)] == [run_id]
