"""Reports that name no run: the nights of jobs on other machines."""

import random
from collections import defaultdict
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from application.commands.reports.report_results import ReportResult
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from domain.reports.report import ReportOutcome
from domain.runs.status import Reason, Status
from tests.fakes import FakeParameterSchemas
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.fakes.persistence.unit_of_work import FakeUnitOfWork
from tests.support.actions import status_update
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

NIGHT = 24 * 3_600.0


async def a_job(headgate: InProcessHeadgate, *stages: str, name: str = "remote", roots: bool = True) -> None:
    keys = {"needs": []} if roots else {}
    await headgate.use_cases.create_pipeline([a_stage(stage, "external", **keys) for stage in stages], name=name)


async def report(headgate: InProcessHeadgate, *args: str, **keys: object) -> ReportResult:
    (result,) = await headgate.use_cases.report(status_update(*args, **keys))  # type: ignore[arg-type]
    return result


async def get_statuses(headgate: InProcessHeadgate, name: str = "remote") -> list[Status]:
    """Return the statuses of the pipeline's runs, oldest first."""
    pipeline = await headgate.fakes.reader.pipeline(name)
    assert pipeline is not None
    runs = await headgate.fakes.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=1_000)
    return [run.status for run in sorted(runs, key=lambda run: run.number)]


async def test_a_job_that_reports_only_its_end_opens_a_run_each_night() -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, "dump")

    for status in ("completed", "completed", "failed"):
        assert (await report(headgate, status)).applied
        headgate.fakes.clock.advance(NIGHT)

    assert await get_statuses(headgate) == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]


async def test_an_equal_report_within_ten_seconds_is_a_repeat_and_later_a_new_one() -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, "dump")

    first = await report(headgate, "completed", reporter="cron")
    headgate.fakes.clock.advance(9.9)
    repeat = await report(headgate, "completed", reporter="cron")
    other = await report(headgate, "completed", reporter="other")
    headgate.fakes.clock.advance(0.2)
    later = await report(headgate, "completed", reporter="cron")

    assert (repeat.outcome, repeat.run_id) == (ReportOutcome.IGNORED, first.run_id)
    assert "seconds ago" in (repeat.why or "")
    assert [other.applied, later.applied] == [True, True]
    assert len({first.run_id, other.run_id, later.run_id}) == 3


async def test_a_run_that_a_report_opened_is_superseded_and_a_triggered_one_is_not() -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, "dump", "ship", roots=False)
    triggered = await headgate.use_cases.trigger("remote")
    await report(headgate, "completed", "dump")
    opened = await report(headgate, "running", "dump")
    await report(headgate, "completed", "dump", event_id="end of the second night")

    third = await report(headgate, "failed", "dump", event_id="third night")

    assert await get_statuses(headgate) == [Status.WAITING, Status.LOST, Status.FAILED]
    superseded = (await headgate.use_cases.get_run(opened.run_id or 0)).stages[1].newest
    assert (superseded.status, superseded.reason) == (Status.LOST, Reason.SUPERSEDED)
    assert (await headgate.use_cases.get_run(triggered.run_id)).stages[1].status is Status.WAITING
    assert third.status is Status.FAILED


async def test_reports_that_name_a_run_or_an_attempt_open_nothing() -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, "dump")
    run_id = (await report(headgate, "completed")).run_id

    named = await report(headgate, "failed", "dump", pipeline=None, run_id=run_id)
    attempt = await report(headgate, "failed", "dump", attempt=1)

    assert [named.problem, attempt.problem] == ["late_report", "late_report"]
    assert await get_statuses(headgate) == [Status.COMPLETED]


async def test_a_pipeline_and_a_run_of_another_one_are_refused_and_both_named() -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, "dump")
    await a_job(headgate, "dump", name="other")
    run_id = (await report(headgate, "running", pipeline="other")).run_id

    alone = await report(headgate, "completed", "dump", run_id=run_id)
    _, in_batch = await headgate.use_cases.report(status_update("running"), status_update("completed", "dump", run_id=run_id))

    for result in (alone, in_batch):
        assert (result.outcome, result.problem) == (ReportOutcome.REFUSED, "different_pipeline")
        assert "other" in (result.why or "") and "remote" in (result.why or "")
    assert await get_statuses(headgate, "other") == [Status.RUNNING]


async def test_a_seq_that_is_not_above_the_last_one_is_judged_in_the_latest_run() -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, "dump")
    await report(headgate, "completed", reporter="cron", seq=7)
    second = await report(headgate, "completed", reporter="other")

    late = await report(headgate, "failed", reporter="cron", seq=7)
    next_night = await report(headgate, "failed", reporter="cron", seq=8)

    assert (late.outcome, late.run_id) == (ReportOutcome.IGNORED, second.run_id)
    assert next_night.applied
    assert await get_statuses(headgate) == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]


async def test_an_event_id_is_answered_again_after_the_next_run_began() -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, "dump", "ship")
    first = await report(headgate, "completed", "dump", event_id="night 1", reporter="a")
    await report(headgate, "completed", "dump", event_id="night 2", reporter="b")

    again = await report(headgate, "completed", "dump", event_id="night 1", reporter="a")

    assert (again, again.replayed) == (first, True)
    assert len(await get_statuses(headgate)) == 2


async def test_a_list_of_reports_opens_the_runs_that_single_reports_open() -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, "dump")

    results = await headgate.use_cases.report(
        *(status_update(status, event_id=f"{night}-{status}") for night in range(3) for status in ("running", "failed"))
    )

    assert all(result.applied for result in results)
    assert await get_statuses(headgate) == [Status.FAILED] * 3


async def test_a_list_that_opens_many_runs_starts_its_transaction_again_once() -> None:
    headgate = InProcessHeadgate()
    names = [f"job-{number}" for number in range(20)]
    for name in names:
        await a_job(headgate, "dump", name=name)
    opened = 0

    def open_and_count() -> FakeUnitOfWork:
        nonlocal opened
        opened += 1
        return headgate.fakes.store.open_unit_of_work()

    report_status = ReportStatus(open_and_count, FakeParameterSchemas(), headgate.fakes.clock, FakeWakeups())
    results = await report_status([status_update("running", pipeline=name) for name in names])

    assert all(result.applied for result in results)
    assert opened == 2


@dataclass(frozen=True)
class Sent:
    """A report of a night's job: `copies` times delivered, each after so many reports of others."""

    update: StatusUpdate
    order: int
    copies: int


@st.composite
def nights(draw: st.DrawFn) -> list[list[Sent]]:
    """Draw some nights of several reporters. Each reports the start and the end of its own job; any report may be lost or repeated."""
    stages = draw(st.integers(1, 3))
    drawn = []
    for night in range(draw(st.integers(1, 5))):
        sent = []
        for stage in range(stages):
            status = draw(st.sampled_from(["completed", "failed"]))
            for order, each in enumerate(("running", status)):
                keys = {"event_id": f"{night}-{stage}-{order}", "reporter": f"machine {stage}"}
                keys |= {"error_message": f"night {night}"} if each == "failed" else {}
                update = status_update(each, f"s{stage}", **keys)  # type: ignore[arg-type]
                sent.append(Sent(update, draw(st.integers(0, 9)) + 5 * order, draw(st.integers(0, 3))))
        drawn.append(sent)
    return drawn


@given(nights(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
async def test_every_failure_that_arrives_shows_and_no_report_is_counted_in_two_runs(
    drawn: list[list[Sent]], chance: random.Random
) -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, *sorted({sent.update.report.stage or "" for sent in drawn[0]}))
    results = defaultdict(set)
    for night in drawn:
        deliveries = [(sent.order + 3 * copy, chance.random(), sent) for sent in night for copy in range(sent.copies)]
        for *_, sent in sorted(deliveries, key=lambda delivery: delivery[:2]):
            (result,) = await headgate.use_cases.report(sent.update)
            results[sent.update.event_id].add((result.run_id, result.applied))
            headgate.fakes.clock.advance(chance.uniform(0, 60))
        headgate.fakes.clock.advance(NIGHT)

    assert all(len(each) == 1 for each in results.values())
    failed = {sent.update for night in drawn for sent in night if sent.copies and sent.update.report.status is Status.FAILED}
    shown = set()
    for sent in (sent for night in drawn for sent in night if sent.update in failed):
        ((run_id, applied),) = results[sent.update.event_id]
        stage = next(stage for stage in (await headgate.use_cases.get_run(run_id or 0)).stages if stage.name == sent.update.report.stage)
        if applied and (stage.status, stage.newest.error_message) == (Status.FAILED, sent.update.report.error_message):
            shown.add(sent.update)
    assert shown == failed


@given(nights())
@settings(max_examples=40, deadline=None)
async def test_the_same_nights_without_event_ids_show_every_failure(drawn: list[list[Sent]]) -> None:
    headgate = InProcessHeadgate()
    await a_job(headgate, *sorted({sent.update.report.stage or "" for sent in drawn[0]}))
    for night in drawn:
        for sent in sorted(night, key=lambda sent: sent.order):
            if sent.copies:
                update = replace(sent.update, event_id=None)
                (result,) = await headgate.use_cases.report(update)
                (repeat,) = await headgate.use_cases.report(update)
                assert result.applied
                assert result.status is update.report.status
                assert repeat.outcome is ReportOutcome.IGNORED
            headgate.fakes.clock.advance(60)
        headgate.fakes.clock.advance(NIGHT)
