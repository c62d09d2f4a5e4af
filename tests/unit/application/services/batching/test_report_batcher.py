"""Reports of many callers in one transaction: what each gets, and what becomes of them when something fails."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from application.commands.dispatches.advance_dispatch import AdvanceResult
from application.commands.reports.report_results import ReportResult
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.trigger_pipeline import TriggerResult
from application.services.batching.report_batcher import ReportBatcher
from domain.errors import InvalidInput, NotFound, Unavailable
from domain.reports.report import Report
from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


def said(status: str, stage: str | None = None, run_id: int | None = None, **keys: Any) -> StatusUpdate:
    event_id = keys.pop("event_id", None)
    pipeline = None if run_id else "remote"
    return StatusUpdate(Report(Status(status), stage, **keys), pipeline, run_id, event_id, digest=repr((status, stage, keys)).encode())


@pytest.fixture
def headgate() -> InProcessHeadgate:
    return InProcessHeadgate()


@pytest.fixture
def lane(headgate: InProcessHeadgate) -> ReportBatcher:
    found: ReportBatcher = headgate.application.report_batcher()
    return found


async def opened(headgate: InProcessHeadgate, name: str = "remote", stages: Sequence[str] = ("a", "b")) -> int:
    await headgate.use_cases.create_pipeline([a_stage(stage, "external") for stage in stages], name=name)
    return (await headgate.use_cases.trigger(name)).run_id


async def together(lane: ReportBatcher, *updates: StatusUpdate) -> list[ReportResult]:
    return [answers[0] for answers in await asyncio.gather(*(lane([update]) for update in updates))]


class Counted:
    """Says how long each batch was; may be told to fail."""

    def __init__(self, real: ReportStatus) -> None:
        self.real = real
        self.batches: list[int] = []
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None
        self.fails_for: str | None = None

    async def process_batch(self, updates: Sequence[StatusUpdate]) -> list[ReportResult | None]:
        self.batches.append(len(updates))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None and any(self.fails_for in (None, update.event_id) for update in updates):
            raise self.error
        return await self.real.process_batch(updates)


@pytest.fixture
def counted(headgate: InProcessHeadgate) -> Counted:
    app = headgate.application
    return Counted(ReportStatus(app.adapters.open_unit_of_work(), app.adapters.schemas(), app.adapters.clock(), app.wakeups()))


def a_lane(counted: Counted, **keys: int) -> ReportBatcher:
    return ReportBatcher(counted, **keys)  # type: ignore[arg-type]


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_reports_that_come_together_are_stored_together_and_each_gets_its_own_answer(
    headgate: InProcessHeadgate, counted: Counted
) -> None:
    run_id = await opened(headgate)

    answers = await together(a_lane(counted), said("running", "a", run_id), said("running", "b", run_id), said("completed", "a", run_id))

    assert counted.batches == [3]
    assert [(answer.applied, answer.status) for answer in answers] == [(True, "running"), (True, "running"), (True, "completed")]
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.COMPLETED, "b": Status.RUNNING}


async def test_what_comes_while_a_batch_is_stored_makes_the_next_one_up_to_its_size(headgate: InProcessHeadgate, counted: Counted) -> None:
    run_id = await opened(headgate)
    lane, counted.gate = a_lane(counted, max_batch_size=4), asyncio.Event()

    first = asyncio.ensure_future(lane([said("running", "a", run_id)]))
    await until(lambda: counted.batches == [1])
    rest = [asyncio.ensure_future(lane([said("running", "b", run_id, records_processed=n)])) for n in range(6)]
    await asyncio.sleep(0)
    counted.gate.set()
    await asyncio.gather(first, *rest)

    assert counted.batches == [1, 4, 2]


async def test_one_more_than_may_wait_is_refused_and_may_come_again(headgate: InProcessHeadgate, counted: Counted) -> None:
    run_id = await opened(headgate)
    lane, counted.gate = a_lane(counted, max_waiting=2), asyncio.Event()
    first = asyncio.ensure_future(lane([said("running", "a", run_id)]))
    await until(lambda: counted.batches == [1])
    waiting = [asyncio.ensure_future(lane([said("running", "b", run_id)])) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(Unavailable) as refused:
        await lane([said("completed", "a", run_id)])
    counted.gate.set()
    await asyncio.gather(first, *waiting)

    assert refused.value.retry_after >= 1
    assert (await lane([said("completed", "a", run_id)]))[0].applied


async def test_a_report_that_cannot_be_stored_fails_alone(headgate: InProcessHeadgate, counted: Counted) -> None:
    run_id = await opened(headgate)
    counted.error, counted.fails_for = ValueError("no such row"), "bad"
    lane = a_lane(counted)

    good, bad, other = await asyncio.gather(
        lane([said("running", "a", run_id)]),
        lane([said("running", "b", run_id, event_id="bad")]),
        lane([said("completed", "a", run_id)]),
        return_exceptions=True,
    )

    assert isinstance(bad, ValueError)
    assert not isinstance(good, BaseException) and good[0].applied
    assert not isinstance(other, BaseException) and other[0].applied
    assert counted.batches == [3, 1, 1, 1]


async def test_a_store_that_is_away_is_said_to_all_and_asked_once(headgate: InProcessHeadgate, counted: Counted) -> None:
    run_id = await opened(headgate)
    counted.error = Unavailable("away")
    lane = a_lane(counted)

    answers = await asyncio.gather(*(lane([said("running", "a", run_id)]) for _ in range(5)), return_exceptions=True)

    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert counted.batches == [5]
    counted.error = None
    assert (await lane([said("running", "a", run_id)]))[0].applied


async def test_a_run_that_is_held_too_long_is_waited_for_once_more_and_not_by_each(headgate: InProcessHeadgate, counted: Counted) -> None:
    held, free = await opened(headgate), await opened(headgate, "other")
    counted.error, counted.fails_for = Unavailable("held", nothing_done=True), "held"
    lane = a_lane(counted)

    answers = await asyncio.gather(
        *(lane([said("running", "a", held, event_id=name)]) for name in ("held", "behind")),
        lane([said("running", "a", free)]),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers[:2]] == [Unavailable, Unavailable]
    assert not isinstance(answers[2], BaseException) and answers[2][0].applied
    assert counted.batches == [3, 1, 1]


async def test_a_caller_that_leaves_takes_nobody_with_it(headgate: InProcessHeadgate, counted: Counted) -> None:
    run_id = await opened(headgate)
    lane, counted.gate = a_lane(counted), asyncio.Event()
    stays = asyncio.ensure_future(lane([said("running", "a", run_id)]))
    leaves = asyncio.ensure_future(lane([said("running", "b", run_id)]))
    await until(lambda: counted.batches == [2])
    waits = asyncio.ensure_future(lane([said("completed", "a", run_id)]))
    gone = asyncio.ensure_future(lane([said("completed", "b", run_id)]))
    await asyncio.sleep(0)

    leaves.cancel()
    gone.cancel()
    counted.gate.set()

    assert (await stays)[0].applied and (await waits)[0].applied
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.COMPLETED, "b": Status.RUNNING}


async def test_draining_waits_for_what_was_taken_on(headgate: InProcessHeadgate, counted: Counted) -> None:
    run_id = await opened(headgate)
    lane, counted.gate = a_lane(counted, max_batch_size=1), asyncio.Event()
    callers = [asyncio.ensure_future(lane([said("running", stage, run_id)])) for stage in ("a", "b")]
    await until(lambda: counted.batches == [1])
    draining = asyncio.ensure_future(lane.drain())
    await asyncio.sleep(0)
    assert not draining.done()

    counted.gate.set()
    await draining

    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.RUNNING, "b": Status.RUNNING}
    assert [answers[0].applied for answers in await asyncio.gather(*callers)] == [True, True]


async def test_the_same_event_id_twice_at_once_is_judged_once(headgate: InProcessHeadgate, lane: ReportBatcher) -> None:
    run_id = await opened(headgate)
    again = said("running", "a", run_id, event_id="e1")

    first, second = await together(lane, again, again)

    assert first == second and (first.replayed, second.replayed) == (False, True)


async def test_a_report_behind_the_end_of_its_pipelines_run_opens_the_next_as_if_it_had_come_alone(
    headgate: InProcessHeadgate, lane: ReportBatcher
) -> None:
    run_id = await opened(headgate)

    ended, begun, moved = await together(lane, said("completed"), said("running"), said("running", "a"))

    assert (ended.run_id, ended.status) == (run_id, "completed")
    assert begun.applied and begun.run_id not in (None, run_id)
    assert (moved.applied, moved.run_id) == (True, begun.run_id)


async def test_triggers_at_once_get_numbers_in_their_order_and_each_its_own_refusal(headgate: InProcessHeadgate) -> None:
    await headgate.use_cases.create_pipeline(1)
    await headgate.use_cases.create_pipeline(
        1, name="other", parameters={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    )

    first, other, bad, nobody, second = await asyncio.gather(
        headgate.use_cases.trigger(),
        headgate.use_cases.trigger("other", {"n": 1}),
        headgate.use_cases.trigger("other"),
        headgate.use_cases.trigger("nobody"),
        headgate.use_cases.trigger(),
        return_exceptions=True,
    )

    assert isinstance(bad, InvalidInput) and isinstance(nobody, NotFound)
    assert isinstance(first, TriggerResult) and isinstance(second, TriggerResult) and isinstance(other, TriggerResult)
    assert [(run.pipeline, run.number) for run in (first, second, other)] == [("nightly", 1), ("nightly", 2), ("other", 1)]


async def test_steps_of_many_dispatches_at_once_start_what_is_next_in_each(headgate: InProcessHeadgate) -> None:
    await headgate.use_cases.create_pipeline(2)
    runs = [(await headgate.use_cases.trigger()).run_id for _ in range(3)]
    for run_id in runs:
        await headgate.use_cases.claim(run_id)

    steps = await asyncio.gather(
        *(headgate.use_cases.advance(run_id, ("a", "completed")) for run_id in runs),
        headgate.use_cases.advance(404),
        return_exceptions=True,
    )

    assert isinstance(steps[-1], NotFound)
    assert [[start.stage for start in step.starts] for step in steps[:-1] if isinstance(step, AdvanceResult)] == [["b"]] * 3
