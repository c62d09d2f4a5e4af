"""Cancel runs."""

import pytest

from domain.access.actor import Actor
from domain.errors import Conflict
from domain.runs.status import Status
from tests.support.actions import WORKER
from tests.support.in_process import InProcessHeadgate


async def test_cancelling_cancels_idle_stages_and_stops_running_ones() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(3)
    run_id = (await headgate.use_cases.trigger()).run_id
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.claim(run_id)

    cancelled = await headgate.application.cancel_run()(run_id, Actor("mara"))
    before = await headgate.use_cases.get_stage_statuses(run_id)
    killed = await headgate.use_cases.advance(run_id, ("a", "cancelled"))

    assert cancelled.status is Status.RUNNING
    assert before == {"a": Status.RUNNING, "b": Status.CANCELLED, "c": Status.CANCELLED}
    assert [type(message).__name__ for _, message in headgate.fakes.worker_streams.pushed] == ["StopRun"]
    assert killed.ended
    assert (await headgate.use_cases.get_run(run_id)).status is Status.CANCELLED


async def test_a_cancelled_run_cannot_be_claimed_nor_a_finished_one_cancelled() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.application.cancel_run()(run_id)

    with pytest.raises(Conflict):
        await headgate.use_cases.claim(run_id)
    with pytest.raises(Conflict) as error:
        await headgate.application.cancel_run()(run_id)
    assert error.value.kind == "run_over"


async def test_a_stage_that_completes_before_it_is_stopped_leaves_the_run_cancelled() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(1)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.application.cancel_run()(run_id)

    await headgate.use_cases.advance(run_id, ("a", "completed"))

    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.COMPLETED}
    assert (await headgate.use_cases.get_run(run_id)).status is Status.CANCELLED
