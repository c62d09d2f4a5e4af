"""A new dispatch is claimed for a connected worker in the transaction that requests it, if a slot is free."""

import pytest

from application.ports.dispatch.worker_messages import Claim
from domain.errors import Unavailable
from domain.runs.status import Status
from tests.fakes.persistence.unit_of_work import FakeUnitOfWork
from tests.support.actions import WORKER
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


def get_pushed_claims(headgate: InProcessHeadgate) -> list[Claim]:
    return [message for _, message in headgate.fakes.worker_streams.pushed if isinstance(message, Claim)]


async def offer_dispatches(headgate: InProcessHeadgate) -> None:
    dispatch_requests = headgate.application.dispatcher()
    await dispatch_requests.wait()
    await dispatch_requests.run_once()


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the commits. If the list contains `fail`, the next commit fails."""
    recorded: list[str] = []
    commit = FakeUnitOfWork.commit

    async def record_commit(work: FakeUnitOfWork) -> None:
        if "fail" in recorded:
            raise Unavailable("The database does not respond.")
        await commit(work)
        recorded.append("commit")

    monkeypatch.setattr(FakeUnitOfWork, "commit", record_commit)
    return recorded


async def test_a_connected_worker_with_a_free_slot_gets_the_dispatch_in_the_same_transaction(commits: list[str]) -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline([a_stage("a"), a_stage("b", needs=[]), a_stage("c")])
    commits.clear()

    triggered = await headgate.use_cases.trigger()

    assert commits == ["commit"]
    [claim] = get_pushed_claims(headgate)
    assert (claim.run_id, claim.epoch, [start.stage for start in claim.starts]) == (triggered.run_id, 1, ["a", "b"])
    assert triggered.status is Status.QUEUED, "as it was opened"
    run = await headgate.use_cases.get_run(triggered.run_id)
    assert [stage.status for stage in run.stages] == [Status.RUNNING, Status.RUNNING, Status.PENDING]
    async with headgate.fakes.open_unit_of_work() as work:
        assert [(lease.run_id, lease.epoch) for lease in await work.leases.find_held_by(WORKER)] == [(triggered.run_id, 1)]
        assert [row.run_id for row in await work.outbox.lease("relay", 10, 1.0)] == [triggered.run_id], "Prefect is to be told of it"


async def test_a_claim_that_was_not_committed_is_not_sent_and_frees_its_slots(commits: list[str]) -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER, slots=1)
    await headgate.use_cases.create_pipeline(1)

    commits.append("fail")
    with pytest.raises(Unavailable):
        await headgate.use_cases.trigger()
    assert not get_pushed_claims(headgate)
    commits.clear()

    triggered = await headgate.use_cases.trigger()
    assert [claim.run_id for claim in get_pushed_claims(headgate)] == [triggered.run_id]


async def test_a_new_run_does_not_overtake_one_that_waits_for_a_slot() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER, slots=1)
    await headgate.use_cases.create_pipeline(1)
    first, second = (await headgate.use_cases.trigger()).run_id, (await headgate.use_cases.trigger()).run_id
    await offer_dispatches(headgate)

    await headgate.use_cases.advance(first, ("a", "completed"))
    headgate.fakes.worker_streams.set_free_slots(WORKER, 1, 1)
    third = (await headgate.use_cases.trigger()).run_id
    assert [claim.run_id for claim in get_pushed_claims(headgate)] == [first]
    await offer_dispatches(headgate)

    assert [claim.run_id for claim in get_pushed_claims(headgate)] == [first, second]
    assert third not in {claim.run_id for claim in get_pushed_claims(headgate)}


async def test_a_dispatch_of_a_prefect_pool_is_only_requested() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER, pool="elsewhere")
    await headgate.use_cases.create_pipeline(1, pool="elsewhere")

    triggered = await headgate.use_cases.trigger()

    assert not get_pushed_claims(headgate)
    assert (await headgate.use_cases.get_stage_statuses(triggered.run_id)) == {"a": Status.QUEUED}


async def test_an_eagerly_claimed_dispatch_is_not_offered_again_by_the_feed(commits: list[str]) -> None:
    headgate = InProcessHeadgate()
    follow = headgate.application.feed_reader()
    await follow.run_once()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline(1)
    await headgate.use_cases.trigger()
    await headgate.application.change_notifier().run_once()

    await follow.run_once()

    assert headgate.application.wakeups().dispatch_requests.empty()
