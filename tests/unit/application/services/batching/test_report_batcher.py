"""Batches of reports from many callers: their results, and what happens if something fails."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from application.commands.dispatches.advance_dispatch import AdvanceResult
from application.commands.reports.report_results import ReportResult, ReportResults
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.trigger_pipeline import TriggerResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.services.batching.report_batcher import ReportBatcher
from domain.errors import InvalidInput, NotFound, Unavailable
from domain.reports.report import Report
from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate


def report(status: str, stage: str | None = None, run_id: int | None = None, **keys: Any) -> StatusUpdate:
    event_id = keys.pop("event_id", None)
    pipeline = None if run_id else "remote"
    return StatusUpdate(Report(Status(status), stage, **keys), pipeline, run_id, event_id, digest=repr((status, stage, keys)).encode())


@pytest.fixture
def headgate() -> InProcessHeadgate:
    return InProcessHeadgate()


@pytest.fixture
def batcher(headgate: InProcessHeadgate) -> ReportBatcher:
    batcher: ReportBatcher = headgate.application.report_batcher()
    return batcher


async def open_run(headgate: InProcessHeadgate, name: str = "remote", stages: Sequence[str] = ("a", "b")) -> int:
    await headgate.use_cases.create_pipeline([a_stage(stage, "external") for stage in stages], name=name)
    return (await headgate.use_cases.trigger(name)).run_id


async def submit_together(batcher: ReportBatcher, *updates: StatusUpdate) -> list[ReportResult]:
    return [answers[0] for answers in await asyncio.gather(*(batcher([update]) for update in updates))]


class RecordingReportStatus:
    """Records the size of each batch, and can block (`gate`) or fail (`error`, for the update `fails_for` or for all)."""

    def __init__(self, real: ReportStatus) -> None:
        self.real = real
        self.batches: list[int] = []
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None
        self.fails_for: str | None = None

    async def __call__(self, updates: Sequence[StatusUpdate], key: IdempotencyKey | None = None) -> ReportResults:
        self.batches.append(len(updates))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None and any(self.fails_for in (None, update.event_id) for update in updates):
            raise self.error
        return await self.real(updates, key)


@pytest.fixture
def report_status(headgate: InProcessHeadgate) -> RecordingReportStatus:
    app = headgate.application
    return RecordingReportStatus(
        ReportStatus(app.adapters.open_unit_of_work(), app.adapters.schemas(), app.adapters.clock(), app.wakeups())
    )


def create_batcher(report_status: RecordingReportStatus, **keys: int) -> ReportBatcher:
    return ReportBatcher(report_status, **keys)  # type: ignore[arg-type]


async def wait_until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_simultaneous_reports_share_a_batch_and_each_gets_its_own_result(
    headgate: InProcessHeadgate, report_status: RecordingReportStatus
) -> None:
    run_id = await open_run(headgate)

    answers = await submit_together(
        create_batcher(report_status), report("running", "a", run_id), report("running", "b", run_id), report("completed", "a", run_id)
    )

    assert report_status.batches == [3]
    assert [(answer.applied, answer.status) for answer in answers] == [(True, "running"), (True, "running"), (True, "completed")]
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.COMPLETED, "b": Status.RUNNING}


async def test_reports_during_a_batch_form_the_next_ones_up_to_the_maximum_size(
    headgate: InProcessHeadgate, report_status: RecordingReportStatus
) -> None:
    run_id = await open_run(headgate)
    batcher, report_status.gate = create_batcher(report_status, max_batch_size=4), asyncio.Event()

    first = asyncio.ensure_future(batcher([report("running", "a", run_id)]))
    await wait_until(lambda: report_status.batches == [1])
    rest = [asyncio.ensure_future(batcher([report("running", "b", run_id, records_processed=n)])) for n in range(6)]
    await asyncio.sleep(0)
    report_status.gate.set()
    await asyncio.gather(first, *rest)

    assert report_status.batches == [1, 4, 2]


async def test_reports_beyond_the_limit_are_refused_and_may_be_sent_again(
    headgate: InProcessHeadgate, report_status: RecordingReportStatus
) -> None:
    run_id = await open_run(headgate)
    batcher, report_status.gate = create_batcher(report_status, max_waiting=2), asyncio.Event()
    first = asyncio.ensure_future(batcher([report("running", "a", run_id)]))
    await wait_until(lambda: report_status.batches == [1])
    waiting = [asyncio.ensure_future(batcher([report("running", "b", run_id)])) for _ in range(2)]
    await asyncio.sleep(0)

    with pytest.raises(Unavailable) as refused:
        await batcher([report("completed", "a", run_id)])
    report_status.gate.set()
    await asyncio.gather(first, *waiting)

    assert refused.value.retry_after >= 1
    assert (await batcher([report("completed", "a", run_id)]))[0].applied


async def test_a_report_that_cannot_be_stored_fails_alone(headgate: InProcessHeadgate, report_status: RecordingReportStatus) -> None:
    run_id = await open_run(headgate)
    report_status.error, report_status.fails_for = ValueError("no such row"), "bad"
    batcher = create_batcher(report_status)

    good, bad, other = await asyncio.gather(
        batcher([report("running", "a", run_id)]),
        batcher([report("running", "b", run_id, event_id="bad")]),
        batcher([report("completed", "a", run_id)]),
        return_exceptions=True,
    )

    assert isinstance(bad, ValueError)
    assert not isinstance(good, BaseException) and good[0].applied
    assert not isinstance(other, BaseException) and other[0].applied
    assert report_status.batches == [3, 1, 1, 1]


async def test_an_outage_fails_the_whole_batch_without_a_retry(headgate: InProcessHeadgate, report_status: RecordingReportStatus) -> None:
    run_id = await open_run(headgate)
    report_status.error = Unavailable("down")
    batcher = create_batcher(report_status)

    answers = await asyncio.gather(*(batcher([report("running", "a", run_id)]) for _ in range(5)), return_exceptions=True)

    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert report_status.batches == [5]
    report_status.error = None
    assert (await batcher([report("running", "a", run_id)]))[0].applied


async def test_after_a_lock_timeout_one_report_per_run_waits_again(
    headgate: InProcessHeadgate, report_status: RecordingReportStatus
) -> None:
    locked, free = await open_run(headgate), await open_run(headgate, "other")
    report_status.error, report_status.fails_for = Unavailable("locked", nothing_done=True), "locked"
    batcher = create_batcher(report_status)

    answers = await asyncio.gather(
        *(batcher([report("running", "a", locked, event_id=name)]) for name in ("locked", "behind")),
        batcher([report("running", "a", free)]),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers[:2]] == [Unavailable, Unavailable]
    assert not isinstance(answers[2], BaseException) and answers[2][0].applied
    assert report_status.batches == [3, 1, 1]


async def test_a_cancelled_caller_does_not_affect_others(headgate: InProcessHeadgate, report_status: RecordingReportStatus) -> None:
    run_id = await open_run(headgate)
    batcher, report_status.gate = create_batcher(report_status), asyncio.Event()
    first = asyncio.ensure_future(batcher([report("running", "a", run_id)]))
    cancelled_during_batch = asyncio.ensure_future(batcher([report("running", "b", run_id)]))
    await wait_until(lambda: report_status.batches == [2])
    second = asyncio.ensure_future(batcher([report("completed", "a", run_id)]))
    cancelled_while_waiting = asyncio.ensure_future(batcher([report("completed", "b", run_id)]))
    await asyncio.sleep(0)

    cancelled_during_batch.cancel()
    cancelled_while_waiting.cancel()
    report_status.gate.set()

    assert (await first)[0].applied and (await second)[0].applied
    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.COMPLETED, "b": Status.RUNNING}


async def test_drain_waits_for_all_submitted_reports(headgate: InProcessHeadgate, report_status: RecordingReportStatus) -> None:
    run_id = await open_run(headgate)
    batcher, report_status.gate = create_batcher(report_status, max_batch_size=1), asyncio.Event()
    callers = [asyncio.ensure_future(batcher([report("running", stage, run_id)])) for stage in ("a", "b")]
    await wait_until(lambda: report_status.batches == [1])
    draining = asyncio.ensure_future(batcher.drain())
    await asyncio.sleep(0)
    assert not draining.done()

    report_status.gate.set()
    await draining

    assert await headgate.use_cases.get_stage_statuses(run_id) == {"a": Status.RUNNING, "b": Status.RUNNING}
    assert [answers[0].applied for answers in await asyncio.gather(*callers)] == [True, True]


async def test_a_repeated_event_id_in_a_batch_is_applied_once(headgate: InProcessHeadgate, batcher: ReportBatcher) -> None:
    run_id = await open_run(headgate)
    repeated = report("running", "a", run_id, event_id="e1")

    first, second = await submit_together(batcher, repeated, repeated)

    assert first == second and (first.replayed, second.replayed) == (False, True)


async def test_a_report_after_the_end_of_a_run_in_the_same_batch_opens_the_next_run(
    headgate: InProcessHeadgate, batcher: ReportBatcher
) -> None:
    run_id = await open_run(headgate)

    ended, opened, moved = await submit_together(batcher, report("completed"), report("running"), report("running", "a"))

    assert (ended.run_id, ended.status) == (run_id, "completed")
    assert opened.applied and opened.run_id not in (None, run_id)
    assert (moved.applied, moved.run_id) == (True, opened.run_id)


async def test_simultaneous_triggers_are_numbered_in_order_and_fail_on_their_own(headgate: InProcessHeadgate) -> None:
    await headgate.use_cases.create_pipeline(1)
    await headgate.use_cases.create_pipeline(
        1, name="other", parameters={"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    )

    first, other, invalid, unknown, second = await asyncio.gather(
        headgate.use_cases.trigger(),
        headgate.use_cases.trigger("other", {"n": 1}),
        headgate.use_cases.trigger("other"),
        headgate.use_cases.trigger("unknown"),
        headgate.use_cases.trigger(),
        return_exceptions=True,
    )

    assert isinstance(invalid, InvalidInput) and isinstance(unknown, NotFound)
    assert isinstance(first, TriggerResult) and isinstance(second, TriggerResult) and isinstance(other, TriggerResult)
    assert [(run.pipeline, run.number) for run in (first, second, other)] == [("nightly", 1), ("nightly", 2), ("other", 1)]


async def test_simultaneous_steps_start_the_next_stage_of_each_dispatch(headgate: InProcessHeadgate) -> None:
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
