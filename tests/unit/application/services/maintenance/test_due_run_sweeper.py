"""The sweeper of due runs, stepped by hand over fakes."""

from unittest.mock import patch

import pytest

from application.ports.dispatch.worker_messages import WakeRun
from application.services.maintenance.due_run_sweeper import BATCH_SIZE, MAX_HELD_PASSES
from domain.errors import Unavailable
from domain.runs.status import Status
from tests.fakes.persistence.runs import FakeRuns
from tests.support.actions import WORKER, status_update, worker_report
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


async def run_dispatcher(headgate: InProcessHeadgate) -> None:
    dispatcher = headgate.application.dispatcher()
    await dispatcher.wait()
    await dispatcher.run_once()


async def has_failed(headgate: InProcessHeadgate, run_id: int) -> bool:
    return (await headgate.use_cases.get_run(run_id)).status is Status.FAILED


async def test_a_stage_past_its_timeout_fails_and_its_worker_kills_it() -> None:
    headgate = InProcessHeadgate()
    headgate.fakes.worker_streams.link(WORKER)
    await headgate.use_cases.create_pipeline([a_stage("a", timeout=60, allow_failure=True), a_stage("b", needs=[])])
    run_id = (await headgate.use_cases.trigger()).run_id
    await run_dispatcher(headgate)

    await headgate.sweep_due_runs(91)
    step = await headgate.use_cases.advance(run_id, holding=frozenset({("a", 1), ("b", 1)}))

    assert (await headgate.use_cases.get_stage_statuses(run_id))["a"] is Status.FAILED
    assert (WORKER, WakeRun(run_id)) in headgate.fakes.worker_streams.pushed
    assert (list(step.kill), step.ended) == ([("a", 1)], False)


@pytest.mark.parametrize("seconds", [2, 60, 7200])
async def test_a_deadline_in_a_gap_is_enforced_only_after_the_grace(seconds: int) -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", "external", timeout=41)])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.sweep_due_runs(40)
    headgate.fakes.clock.advance(seconds)

    await headgate.sweep_due_runs(30)
    before = await has_failed(headgate, run_id)
    await headgate.sweep_due_runs(2)

    assert (before, await has_failed(headgate, run_id)) == (False, True)


async def test_a_deadline_without_a_gap_is_enforced_at_once() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", "external", timeout=60)])
    run_id = (await headgate.use_cases.trigger()).run_id

    await headgate.sweep_due_runs(59)
    before = await has_failed(headgate, run_id)
    await headgate.sweep_due_runs(1)

    assert (before, await has_failed(headgate, run_id)) == (False, True)


async def test_a_report_in_the_grace_is_taken() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", "external", timeout=60)])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.sweep_due_runs(50)
    headgate.fakes.clock.advance(60)

    await headgate.sweep_due_runs(26)
    await headgate.use_cases.report(status_update("completed", "a", pipeline=None, run_id=run_id))
    await headgate.sweep_due_runs(30)

    assert (await headgate.use_cases.get_run(run_id)).status is Status.COMPLETED


async def test_after_a_start_deadlines_wait_for_the_grace() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", "external", timeout=60)])
    run_id = (await headgate.use_cases.trigger()).run_id
    headgate.fakes.clock.advance(90)
    started = headgate.start_second_process()

    await started.sweep_due_runs(29)
    before = await has_failed(headgate, run_id)
    await started.sweep_due_runs(2)

    assert (before, await has_failed(headgate, run_id)) == (False, True)


@pytest.mark.parametrize("statement", ["find_due", "lock"])
async def test_a_pass_that_was_held_up_enforces_no_deadline(statement: str) -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", "external", timeout=60)])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.sweep_due_runs(59)
    real = getattr(FakeRuns, statement)

    async def answer_late(runs: FakeRuns, *arguments: object, **keywords: object) -> object:
        headgate.fakes.clock.advance(30)
        return await real(runs, *arguments, **keywords)

    with patch.object(FakeRuns, statement, answer_late):
        await headgate.sweep_due_runs(1)
    await headgate.sweep_due_runs(29)
    before = await has_failed(headgate, run_id)
    await headgate.sweep_due_runs(2)

    assert (before, await has_failed(headgate, run_id)) == (False, True)


async def test_a_store_that_was_away_is_a_gap_though_the_clock_went_on() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", "external", timeout=60)])
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.sweep_due_runs(55)

    headgate.fakes.store.is_down = True
    for _ in range(10):
        headgate.fakes.clock.advance(1)
        with pytest.raises(Unavailable):
            await headgate.sweep_due_runs(0)
    headgate.fakes.store.is_down = False
    await headgate.sweep_due_runs(29)

    assert not await has_failed(headgate, run_id)


async def test_retries_go_on_in_the_grace_beside_many_missed_deadlines() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", "external", timeout=60)], "reported")
    await headgate.use_cases.create_pipeline([a_stage("a", retries=1, retry_delay=61)], "retried")
    reported = [(await headgate.use_cases.trigger("reported")).run_id for _ in range(BATCH_SIZE + 1)]
    run_id = (await headgate.use_cases.trigger("retried")).run_id
    await headgate.use_cases.claim(run_id)
    await headgate.use_cases.advance(run_id, worker_report(run_id, "a", "failed"))
    await headgate.sweep_due_runs(50)
    headgate.fakes.clock.advance(60)

    await headgate.sweep_due_runs(2)

    assert (await headgate.use_cases.get_stage_statuses(run_id))["a"] is Status.QUEUED
    assert not any([await has_failed(headgate, each) for each in reported])


async def test_deadlines_are_enforced_though_every_pass_is_slow() -> None:
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline([a_stage("a", "external", timeout=60)])
    run_id = (await headgate.use_cases.trigger()).run_id

    for _ in range(MAX_HELD_PASSES + 2):
        headgate.fakes.clock.advance(2)
        await headgate.application.due_run_sweeper().run_once()

    assert await has_failed(headgate, run_id)
