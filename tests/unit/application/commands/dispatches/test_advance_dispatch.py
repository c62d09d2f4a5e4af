"""Claim and advance dispatches, and process heartbeats, over fakes."""

import pytest

from application.commands.workers.record_heartbeat import HeartbeatCommand, HeldDispatch
from application.ports.persistence.workers import WorkerStatus
from domain.errors import Conflict, NotFound
from domain.runs.status import Reason, Status
from tests.support.actions import WORKER, worker_report
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

WORKER_STATUS = WorkerStatus(WORKER, WORKER, "headgate", 4, 4)


async def test_a_trigger_requests_a_dispatch_and_its_claim_starts_the_first_stage() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(3)

    triggered = await headgate.use_cases.trigger()
    claim = await headgate.use_cases.claim(triggered.run_id)

    assert triggered.status is Status.QUEUED
    assert [(start.stage, start.attempt) for start in claim.starts] == [("a", 1)]
    assert claim.stages == ["a", "b", "c"]
    assert claim.key == f"installation-1:{triggered.run_id}:1"
    assert await headgate.use_cases.get_stage_statuses(triggered.run_id) == {"a": Status.RUNNING, "b": Status.PENDING, "c": Status.PENDING}


async def test_one_worker_wins_a_dispatch_and_can_claim_it_again() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline()
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)

    with pytest.raises(Conflict, match="can no longer be claimed"):
        await headgate.use_cases.claim(run_id, worker="worker-2")

    assert [start.stage for start in (await headgate.use_cases.claim(run_id)).starts] == ["a"]


async def test_an_unknown_run_cannot_be_claimed() -> None:
    with pytest.raises(NotFound):
        await InProcessHeadgate().use_cases.claim(7)


async def test_a_sequence_of_stages_runs_in_one_dispatch() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(3)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)

    second = await headgate.use_cases.advance(run_id, ("a", "completed"))
    third = await headgate.use_cases.advance(run_id, ("b", "completed"))
    last = await headgate.use_cases.advance(run_id, ("c", "completed"))

    assert [start.stage for start in second.starts] == ["b"]
    assert [start.stage for start in third.starts] == ["c"]
    assert (last.ended, last.starts) == (True, [])
    assert (await headgate.use_cases.get_run(run_id)).status is Status.COMPLETED


async def test_branches_start_together_within_slots_and_parallelism() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a"), *(a_stage(name, needs=["a"]) for name in "bcd")], parallelism=2)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)

    both = await headgate.use_cases.advance(run_id, ("a", "completed"))
    one_more = await headgate.use_cases.advance(run_id, ("b", "completed"), holding=frozenset({("c", 1)}))
    held_back = await InProcessHeadgate(fakes=headgate.fakes).use_cases.advance(
        run_id, ("c", "completed"), capacity=0, holding=frozenset({("d", 1)})
    )

    assert [start.stage for start in both.starts] == ["b", "c"]
    assert both.more
    assert [start.stage for start in one_more.starts] == ["d"]
    assert (held_back.starts, held_back.ended) == ([], False)


async def test_a_repeated_call_starts_nothing_twice_and_returns_the_lost_answer() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(3)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    first = await headgate.use_cases.advance(run_id, ("a", "completed"))

    repeated = await headgate.use_cases.advance(run_id, ("a", "completed"))

    assert repeated.answers == first.answers
    assert repeated.starts == first.starts
    assert len((await headgate.use_cases.get_run(run_id)).stages[1].attempts) == 1


async def test_a_failed_stage_is_retried_after_its_delay() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", retries=1, retry_delay=30)])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    failed = worker_report(run_id, "a", "failed", error_message="Exited with code 3.")

    ended = await headgate.use_cases.advance(run_id, failed)
    early = await headgate.use_cases.get_run(run_id)
    headgate.fakes.clock.advance(31)
    await headgate.application.due_run_sweeper().run_once()
    claim = await headgate.use_cases.claim(run_id, epoch=2)

    assert ended.ended
    assert (early.status, early.stages[0].newest.reason) == (Status.RUNNING, Reason.RETRY)
    assert [(start.stage, start.attempt) for start in claim.starts] == [("a", 2)]


async def test_a_run_fails_after_its_retries_and_skips_dependent_stages() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", retries=1), a_stage("b")])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)

    repeated = await headgate.use_cases.advance(run_id, ("a", "failed"))
    await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "failed", attempt=2))

    assert [(start.stage, start.attempt) for start in repeated.starts] == [("a", 2)]
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.FAILED, "b": Status.SKIPPED}
    assert (await headgate.use_cases.get_run(run_id)).status is Status.FAILED


async def test_a_worker_with_an_expired_lease_loses_its_stages_and_late_reports() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    sweep = headgate.application.lease_sweeper()
    await sweep.run_once()

    for _ in range(7):
        headgate.fakes.clock.advance(3)
        await sweep.run_once()
    late = await headgate.use_cases.advance(run_id, ("a", "completed"))

    assert (await headgate.use_cases.get_run(run_id)).status is Status.LOST
    assert [answer.problem for answer in late.answers] == ["not_yours"]
    assert (late.ended, late.starts) == (True, [])


async def test_a_lost_stage_that_can_be_retried_goes_to_the_next_dispatch() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", retries=1, retry_on_loss=True)])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    sweep = headgate.application.lease_sweeper()
    await sweep.run_once()

    for _ in range(7):
        headgate.fakes.clock.advance(3)
        await sweep.run_once()
    claim = await headgate.use_cases.claim(run_id, epoch=2, worker="worker-2")

    assert [(start.stage, start.attempt) for start in claim.starts] == [("a", 2)]
    assert (run_id, 2) in [(offer.run_id, offer.epoch) for offer in _offers(headgate)]


async def test_a_sweeper_that_was_stopped_gives_every_lease_a_full_term() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    headgate.fakes.clock.advance(21)

    await headgate.application.lease_sweeper().run_once()
    await headgate.application.lease_sweeper().run_once()

    assert (await headgate.use_cases.get_run(run_id)).status is Status.RUNNING


async def test_a_heartbeat_renews_leases_and_returns_lost_claims_and_runs_to_stop() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a"), a_stage("b", needs=[])])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id, capacity=1)

    missed = await headgate.application.record_heartbeat()(HeartbeatCommand(WORKER_STATUS, received=0))
    known = await headgate.application.record_heartbeat()(HeartbeatCommand(WORKER_STATUS, [HeldDispatch(run_id, 1)], received=0))
    await headgate.application.cancel_run()(run_id)
    stopping = await headgate.application.record_heartbeat()(
        HeartbeatCommand(WORKER_STATUS, [HeldDispatch(run_id, 1), HeldDispatch(99, 1)], received=0)
    )

    assert [claim.run_id for claim in missed.claims] == [run_id]
    assert (known.renewed, known.claims, known.wake) == ([(run_id, 1)], [], [run_id])
    assert stopping.stop == [run_id]
    assert stopping.refused == [(99, 1)]


async def test_a_worker_without_a_stream_gets_claims_with_its_heartbeat() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    runs = [(await headgate.use_cases.trigger()).run_id for _ in range(3)]

    answer = await headgate.application.record_heartbeat()(HeartbeatCommand(WorkerStatus(WORKER, WORKER, "headgate", 2, 2)))

    assert [claim.run_id for claim in answer.claims] == runs[:2]


async def test_a_worker_that_shuts_down_hands_back_its_dispatch() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(3)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)

    left = await headgate.use_cases.advance(run_id, ("a", "completed"), hand_back=True)
    claim = await headgate.use_cases.claim(run_id, epoch=2, worker="worker-2")

    assert (left.ended, left.starts) == (True, [])
    assert [start.stage for start in claim.starts] == ["b"]


def _offers(headgate: InProcessHeadgate) -> list:
    queue = headgate.application.wakeups().dispatch_requests
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_a_lease_that_expired_during_an_outage_is_left_to_the_sweeper() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    headgate.fakes.clock.advance(25)

    answer = await headgate.application.record_heartbeat()(
        HeartbeatCommand(WorkerStatus(WORKER, "w", "headgate", 4, 3), [HeldDispatch(run_id, 1, frozenset({("a", 1)}))])
    )

    assert (answer.renewed, answer.refused) == ([], [])
    await headgate.application.lease_sweeper().run_once()
    assert (await headgate.use_cases.get_run(run_id)).status is Status.RUNNING


async def test_a_claim_returned_by_a_heartbeat_has_a_full_lease_term() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.application.lease_sweeper().run_once()
    headgate.fakes.clock.advance(19)

    answer = await headgate.application.record_heartbeat()(HeartbeatCommand(WORKER_STATUS))
    headgate.fakes.clock.advance(4)
    for _ in range(2):
        await headgate.application.lease_sweeper().run_once()

    assert [claim.run_id for claim in answer.claims] == [run_id]
    assert (await headgate.use_cases.get_run(run_id)).status is Status.RUNNING
