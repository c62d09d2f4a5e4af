"""The lease sweeper, stepped by hand over fakes."""

from unittest.mock import patch

import pytest

from domain.runs.status import Status
from tests.fakes.persistence.leases import FakeLeases
from tests.support.actions import WORKER
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

LEASE_SECONDS = 20.0


async def start_run(headgate: InProcessHeadgate) -> int:
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    return run_id


async def pass_time(headgate: InProcessHeadgate, seconds: int) -> None:
    """Let the sweeper run every second."""
    for _ in range(seconds):
        headgate.fakes.clock.advance(1)
        await headgate.application.lease_sweeper().run_once()


async def test_a_lease_that_is_not_renewed_expires() -> None:
    headgate = InProcessHeadgate()
    run_id = await start_run(headgate)
    await headgate.application.lease_sweeper().run_once()

    await pass_time(headgate, 19)
    before = (await headgate.use_cases.get_run(run_id)).status
    await pass_time(headgate, 2)

    assert (before, (await headgate.use_cases.get_run(run_id)).status) == (Status.RUNNING, Status.LOST)


@pytest.mark.parametrize("seconds", [6, 60])
async def test_after_a_gap_between_passes_every_lease_gets_a_full_term(seconds: int) -> None:
    headgate = InProcessHeadgate()
    run_id = await start_run(headgate)
    await pass_time(headgate, 18)
    headgate.fakes.clock.advance(seconds)

    await pass_time(headgate, 19)
    before = (await headgate.use_cases.get_run(run_id)).status
    await pass_time(headgate, 3)

    assert (before, (await headgate.use_cases.get_run(run_id)).status) == (Status.RUNNING, Status.LOST)


@pytest.mark.parametrize("statement", ["find_expired", "is_expired"])
async def test_a_pass_that_was_held_up_expires_nothing(statement: str) -> None:
    headgate = InProcessHeadgate()
    run_id = await start_run(headgate)
    await pass_time(headgate, 19)
    real = getattr(FakeLeases, statement)

    async def answer_late(leases: FakeLeases, *arguments: int) -> object:
        headgate.fakes.clock.advance(60)
        return await real(leases, *arguments)

    headgate.fakes.clock.advance(2 if statement == "is_expired" else 0)
    with patch.object(FakeLeases, statement, answer_late):
        await headgate.application.lease_sweeper().run_once()
    await pass_time(headgate, 19)

    assert (await headgate.use_cases.get_run(run_id)).status is Status.RUNNING


async def test_a_worker_whose_lease_expired_gets_no_further_work_until_it_connects_again() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline([a_stage("a", retries=3, retry_on_loss=True)])
    run_id = (await headgate.use_cases.trigger()).run_id
    dispatcher = headgate.application.dispatcher()
    await dispatcher.run_once()

    await pass_time(headgate, 22)
    await dispatcher.run_once()
    lost = await headgate.use_cases.get_stage_statuses(run_id)
    headgate.fakes.worker_streams.link(WORKER)
    await dispatcher.run_once()

    assert lost == {"a": Status.QUEUED}
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.RUNNING}
    assert [attempt.number for attempt in (await headgate.use_cases.get_run(run_id)).stages[0].attempts] == [1, 2]
