from dataclasses import astuple
from datetime import datetime
from typing import Any

import pytest

from application.ports.persistence.logs import NewLogLine
from application.queries.views.history import FirstOccurrence, PastDecision
from application.queries.views.logs import LogFilter
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.flow_runs.flow_run import FlowRun, FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.pipelines.revision_origin import RevisionOrigin
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.approvals import Decision, decide_approval
from domain.runs.attempt_log import LogLimit
from domain.runs.events import EventType
from domain.runs.retry import retry_failed
from domain.runs.run import Run
from domain.runs.run_flow_runs import observe_flow_run, record_created
from domain.runs.run_name import RunName
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, WORKER, a_definition, a_pipeline, a_run_of, a_stage, a_stored_run, an_hour_later, seconds_later
from tests.support.coloured_lines import LINES_WITH_CODES
from tests.support.flow_run_stories import created, observed


async def change(store: StoreUnderTest, run_id: int, *steps: object) -> Run:
    """Load the run, apply each step to it, and save it."""
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        for step in steps:
            step(run)  # type: ignore[operator]
        await work.runs.save(run)
        await work.commit()
        return run


def started(run: Run) -> None:
    run.claim(run.dispatch.epoch, WORKER, NOW)
    run.start_ready_stages(10, WORKER, NOW)


def reported(stage: str, status: Status, at: float = 10.0, **details: object) -> object:
    def step(run: Run) -> None:
        report = Report(status, stage, **details)  # type: ignore[arg-type]
        assert judge_report(run, report, Reporter(WORKER, WORKER, run.dispatch.epoch), None, seconds_later(at)).applied

    return step


async def test_a_pipeline_that_never_ran_is_pending(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)

    view = await store.reader.pipeline("nightly")

    assert view is not None
    assert (view.id, view.revision, view.definition, view.latest) == (pipeline.id, 1, pipeline.definition, None)
    assert view.status is Status.PENDING
    assert await store.reader.pipeline(pipeline.id) == view
    assert await store.reader.pipeline("nobody") is None
    assert await store.reader.pipeline(404) is None


async def test_an_attempt_of_a_prefect_stage_is_read_with_its_flow_run(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, stages=[a_stage("a", "prefect"), a_stage("b")])
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    late = FlowRunObservation(FlowState.SCHEDULED, "Late", pool="k8s", problem="pool k8s has no worker")

    async def read_flow_runs() -> list[FlowRun | None]:
        view = await store.reader.run(run_id)
        assert view is not None
        return [stage.newest.flow_run for stage in view.stages]

    assert await read_flow_runs() == [FlowRun(NOW), None]
    await change(store, run_id, lambda run: record_created(run, "a", 1, "f-1", NOW))
    assert await read_flow_runs() == [FlowRun(NOW, "f-1"), None]
    await change(store, run_id, lambda run: observe_flow_run(run, "a", 1, late, NOW))

    expected = FlowRun(NOW, "f-1", FlowState.SCHEDULED, "Late", "k8s", "pool k8s has no worker")
    assert await read_flow_runs() == [expected, None]
    (listed,) = await store.reader.runs(pipeline_id=None, status=None, skip=0, limit=10)
    assert listed.stages[0].newest.flow_run == expected


async def test_pipelines_are_paged_by_id_with_their_latest_run(store: StoreUnderTest) -> None:
    for name in ("zebra", "ant", "mole"):
        await a_pipeline(store.open_unit_of_work, name)
    ant = await store.reader.pipeline("ant")
    assert ant is not None
    async with store.open_unit_of_work() as work:
        stored = await work.pipelines.find("ant")
    assert stored is not None
    await a_stored_run(store.open_unit_of_work, stored)
    latest = await a_stored_run(store.open_unit_of_work, stored)

    views = await store.reader.pipelines(0, 10)

    assert [view.name for view in views] == ["zebra", "ant", "mole"]
    assert [view.latest.id if view.latest else None for view in views] == [None, latest, None]
    assert views[1].latest == await store.reader.run(latest)
    assert [view.name for view in await store.reader.pipelines(1, 1)] == ["ant"]
    assert await store.reader.pipelines(3, 10) == []
    marks = [
        (view.id, view.revision, view.latest.id if view.latest else 0, view.latest.last_seq if view.latest else 0, 0) for view in views
    ]
    assert [astuple(mark) for mark in await store.reader.pipeline_state_versions(0, 10)] == marks
    assert [astuple(mark) for mark in await store.reader.pipeline_state_versions(1, 1)] == marks[1:2]
    by_id = {view.id: view for view in await store.reader.get_pipelines_by_id([views[1].id, 404, 2**70, views[0].id])}
    assert by_id == {view.id: view for view in views[:2]}


async def test_the_board_has_every_pipeline_by_name_and_its_last_twenty_runs(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "zebra", 1)
    await a_pipeline(store.open_unit_of_work, "ant", 1)
    for _ in range(22):
        await a_stored_run(store.open_unit_of_work, pipeline)

    ant, zebra = await store.reader.board()

    assert (ant.pipeline.name, list(ant.bars)) == ("ant", [])
    assert [bar.number for bar in zebra.bars] == list(range(3, 23))
    assert zebra.pipeline.latest is not None and zebra.pipeline.latest.number == 22
    assert (zebra.bars[0].status, zebra.bars[0].created_at, zebra.bars[0].finished_at) == (Status.QUEUED, NOW, None)


async def test_every_reader_of_a_runs_times_knows_its_idle_time(store: StoreUnderTest) -> None:
    stages = [a_stage("a"), a_stage("ask", "approval", needs=["a"]), a_stage("b", needs=["ask"])]
    pipeline = await a_pipeline(store.open_unit_of_work, "asking", stages)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    await change(store, run_id, started, reported("a", Status.FAILED))

    await change(
        store, run_id, lambda run: retry_failed(run, seconds_later(110), Actor("mara")), started, reported("a", Status.COMPLETED, 120)
    )
    waiting = await read_idle_times(store, pipeline.id, run_id)
    await change(store, run_id, lambda run: decide_approval(run, "ask", Decision(True), seconds_later(170.5), Actor("mara")))
    decided = await read_idle_times(store, pipeline.id, run_id)

    assert waiting == [(100.0, seconds_later(120))] * 4
    assert decided == [(150.5, None)] * 4


async def read_idle_times(store: StoreUnderTest, pipeline_id: int, run_id: int) -> list[tuple[float, datetime | None]]:
    run = await store.reader.run(run_id)
    (row,) = await store.reader.board()
    found = [run, row.bars[0], *await store.reader.run_times([run_id])]
    found += await store.reader.run_times_between(pipeline_id, NOW, an_hour_later(), 10)
    return [(each.idle_seconds, each.idle_since) for each in found if each is not None]


async def test_a_run_is_read_with_everything_its_page_shows(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "mixed", ["a", a_stage("b", "external", needs=["a"], allow_failure=True)])
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    await change(store, run_id, started, reported("a", Status.RUNNING, message="half", records_processed=7, output={"k": [1]}))

    run = await store.reader.run(run_id)

    assert run is not None
    assert (run.number, run.pipeline_id, run.pipeline, run.revision, run.trigger) == (1, pipeline.id, "mixed", 1, "api")
    assert (run.status, run.verdict, run.pool, run.records_processed) == (Status.RUNNING, None, "headgate", 7)
    assert (run.created_at, run.started_at, run.finished_at, run.stop_requested_at) == (NOW, NOW, None, None)
    assert (run.dispatch_state, run.dispatch_epoch, run.dispatch_holder, run.dispatch_requested_at) == ("claimed", 1, WORKER, NOW)
    assert (run.unrecorded, list(run.flow_run_ids)) == (True, [])
    a, b = run.stages
    assert (a.name, a.kind, list(a.needs), a.status, a.allow_failure) == ("a", "command", [], Status.RUNNING, False)
    assert (b.name, b.kind, list(b.needs), b.status, b.allow_failure) == ("b", "external", ["a"], Status.WAITING, True)
    assert b.newest.reason is Reason.EXTERNAL
    attempt = a.newest
    assert (attempt.number, attempt.started_at, attempt.queued_at, attempt.worker) == (1, NOW, NOW, WORKER)
    assert (attempt.message, attempt.records_processed, attempt.output) == ("half", 7, {"k": [1]})
    assert attempt.deadline_at == an_hour_later()


async def test_attempts_are_read_oldest_first(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "retried", [a_stage("a", retries=2, retry_delay=60)])
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    await change(store, run_id, started, reported("a", Status.FAILED, error_message="no"))

    run = await store.reader.run(run_id)

    assert run is not None
    first, second = run.stages[0].attempts
    assert (first.number, first.status, first.error_message, first.finished_at) == (1, Status.FAILED, "no", seconds_later(10))
    assert (second.number, second.status, second.reason, second.due_at) == (2, Status.WAITING, Reason.RETRY, seconds_later(70))
    assert run.stages[0].retries == 2


async def test_a_recorded_dispatch_is_no_longer_unrecorded(store: StoreUnderTest) -> None:
    run_id = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work))

    async with store.open_unit_of_work() as work:
        await work.outbox.mark_delivered(run_id, 1)
        await work.commit()

    run = await store.reader.run(run_id)
    assert run is not None and run.unrecorded is False


async def test_an_old_run_is_read_with_its_own_revision(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly", 2)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition("hourly", ["only"]), an_hour_later())
        await work.commit()

    run, view = await store.reader.run(run_id), await store.reader.pipeline("hourly")

    assert run is not None and view is not None
    assert (run.pipeline, run.revision, [stage.name for stage in run.stages]) == ("hourly", 1, ["a", "b"])
    assert view.revision == 2
    assert [stage.name for stage in view.definition.stages] == ["only"]


async def test_runs_are_filtered_by_pipeline_and_status_newest_first(store: StoreUnderTest) -> None:
    one, two = await a_pipeline(store.open_unit_of_work, "one"), await a_pipeline(store.open_unit_of_work, "two")
    first, second, third = [await a_stored_run(store.open_unit_of_work, pipeline) for pipeline in (one, two, one)]
    await change(store, first, lambda run: run.cancel(NOW, "ada"))

    async def ids(pipeline_id: int | None = None, status: Status | None = None, skip: int = 0, limit: int = 10) -> list[int]:
        asked: dict[str, Any] = {"pipeline_id": pipeline_id, "status": status, "skip": skip, "limit": limit}
        found = [run.id for run in await store.reader.runs(**asked)]
        assert [mark.id for mark in await store.reader.run_state_versions(**asked)] == found
        return found

    assert await ids() == [third, second, first]
    assert await ids(pipeline_id=one.id) == [third, first]
    assert await ids(status=Status.CANCELLED) == [first]
    assert await ids(pipeline_id=one.id, status=Status.QUEUED) == [third]
    assert await ids(skip=1, limit=1) == [second]
    assert await ids(pipeline_id=404) == []
    assert await store.reader.run(404) is None


async def test_events_are_read_in_order_after_a_number(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)
    run = await change(store, run_id, started, lambda run: run.cancel(NOW, "ada", "enough"))

    events = await store.reader.events(run_id, 0, 100)

    assert [event.seq for event in events] == list(range(1, run.last_seq + 1))
    opened = events[0]
    assert (opened.run_id, opened.pipeline_id, opened.type, opened.at) == (run_id, pipeline.id, EventType.RUN_OPENED, NOW)
    assert opened.data == {"trigger": "api", "number": 1, "revision": 1}
    asked = next(event for event in events if event.type is EventType.CANCEL_REQUESTED)
    assert (asked.actor, asked.status, asked.data, asked.stage) == ("ada", Status.CANCELLED, {"message": "enough"}, None)
    assert await store.reader.events(run_id, 2, 2) == events[2:4]
    assert await store.reader.events(run_id, run.last_seq, 10) == []
    assert await store.reader.newest_events(run_id, 3) == events[:-4:-1]
    assert await store.reader.events(404, 0, 10) == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"stage": None, "attempt": None, "after": 0, "limit": 100}, [1, 2, 3, 4]),
        ({"stage": "a", "attempt": None, "after": 0, "limit": 100}, [1, 2, 4]),
        ({"stage": "a", "attempt": 1, "after": 1, "limit": 1}, [2]),
        ({"stage": "a", "attempt": 2, "after": 0, "limit": 100}, []),
        ({"stage": "nobody", "attempt": None, "after": 0, "limit": 100}, []),
    ],
)
async def test_lines_are_found_by_stage_attempt_and_number(store: StoreUnderTest, asked: dict[str, object], found: list[int]) -> None:
    run_id = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work))
    async with store.open_unit_of_work() as work:
        for stage, indexes in (("a", (0, 1)), ("b", (0,)), ("a", (2,))):
            await work.logs.append(run_id, stage, 1, [NewLogLine(index, NOW, "stderr", stage) for index in indexes], LogLimit(1_000))
        await work.commit()

    assert [line.n for line in await store.reader.log(run_id, **asked)] == found  # type: ignore[arg-type]
    assert [line.n for line in await store.reader.log_window(run_id, LogFilter("a"), limit=2, last=True)] == [2, 4]
    assert [line.n for line in await store.reader.log_window(run_id, LogFilter(), limit=100, last=True)] == [1, 2, 3, 4]


async def test_stage_times_are_the_median_of_completed_attempts(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "timed", ["a", "b"])
    for seconds in (1.0, 3.0, 8.0):
        run_id = await a_stored_run(store.open_unit_of_work, pipeline)
        await change(store, run_id, started, reported("a", Status.COMPLETED, seconds))
    failed = await a_stored_run(store.open_unit_of_work, pipeline)
    await change(store, failed, started, reported("a", Status.FAILED, 500.0))

    times = await store.reader.stage_times(pipeline.id)

    assert [(part.stage, part.median, part.count) for part in times] == [("a", 3.0, 3)]
    assert times[0].slow == pytest.approx(7.5)


async def test_a_migrated_store_that_answers_is_ready(store: StoreUnderTest) -> None:
    assert await store.reader.is_ready() is True


async def test_pipelines_are_paged_in_both_directions(store: StoreUnderTest) -> None:
    ids = [(await a_pipeline(store.open_unit_of_work, name)).id for name in ("a", "b", "c", "d", "e")]

    async def page(skip: int = 0, **place: int) -> list[int]:
        marked = [mark.id for mark in await store.reader.pipeline_state_versions(skip, 2, **place)]
        assert marked == [view.id for view in await store.reader.pipelines(skip, 2, **place)]
        return marked

    assert await page(above=ids[1]) == ids[2:4]
    assert await page(above=ids[4]) == []
    assert await page(below=ids[3]) == ids[1:3]
    assert await page(1, below=ids[3]) == ids[0:2]


async def test_runs_are_paged_in_both_directions(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    ids = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(5)]
    other = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, "other"))

    async def page(pipeline_id: int | None = None, skip: int = 0, **place: int) -> list[int]:
        asked: dict[str, Any] = {"pipeline_id": pipeline_id, "status": None, "skip": skip, "limit": 2, **place}
        found = [view.id for view in await store.reader.runs(**asked)]
        assert [mark.id for mark in await store.reader.run_state_versions(**asked)] == found
        return found

    assert await page(below=ids[3]) == [ids[2], ids[1]]
    assert await page(below=ids[0]) == []
    assert await page(above=ids[0]) == [ids[2], ids[1]]
    assert await page(skip=1, above=ids[0]) == [ids[3], ids[2]]
    assert await page(above=ids[3]) == [other, ids[4]]
    assert await page(pipeline.id, above=ids[3]) == [ids[4]]


async def test_runs_are_filtered_by_trigger_and_time(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "timed-runs", ["a"])
    ids = []
    for index, kind in enumerate(("api", "cli", "api")):
        run = a_run_of(pipeline, index + 1, now=seconds_later(100 * index))
        run.trigger = Trigger(kind)
        async with store.open_unit_of_work() as work:
            ids.append(await work.runs.add(run))
            await work.commit()

    async def found(**asked: Any) -> list[int]:
        wanted: dict[str, Any] = {"pipeline_id": pipeline.id, "status": None, "skip": 0, "limit": 9, **asked}
        views = [run.id for run in await store.reader.runs(**wanted)]
        assert [mark.id for mark in await store.reader.run_state_versions(**wanted)] == views
        return views

    assert await found(trigger="api") == [ids[2], ids[0]]
    assert await found(since=seconds_later(100)) == [ids[2], ids[1]]
    assert await found(until=seconds_later(100)) == [ids[0]]
    assert await found(since=seconds_later(100), until=seconds_later(200), trigger="cli") == [ids[1]]


async def test_the_state_version_of_a_run_changes_with_everything_a_list_shows(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "marked")
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    async def mark() -> Any:
        (found,) = await store.reader.run_state_versions(pipeline_id=None, status=None, skip=0, limit=9)
        (view,) = await store.reader.get_runs_by_id([run_id, 404, 2**70])
        assert astuple(found) == (run_id, view.last_seq, "marked", ",".join(view.flow_run_ids))
        return found

    before = await mark()
    async with store.open_unit_of_work() as work:
        await work.dispatches.record_flow_run(run_id, 1, "flow-1")
        await work.commit()
    known = await mark()
    await change(store, run_id, lambda run: run.cancel(NOW, "ada"))
    over = await mark()

    assert len({before, known, over}) == 3


async def test_runs_that_wait_for_a_person_or_machine_are_found(store: StoreUnderTest) -> None:
    stages = [a_stage("ask", "approval"), a_stage("report", "external")]
    waits = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, "asks", stages))
    await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, "works", ["a", a_stage("x", "external")]))
    over = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, "asked", [a_stage("ask", "approval")]))
    await change(store, over, lambda run: decide_approval(run, "ask", Decision(True), NOW, ANONYMOUS_ACTOR))
    trains = await a_pipeline(store.open_unit_of_work, "trains", [a_stage("train", "prefect")])
    await a_stored_run(store.open_unit_of_work, trains)
    paused = await a_stored_run(store.open_unit_of_work, trains)
    await change(store, paused, created("train", NOW))
    await change(store, paused, observed("train", FlowState.PAUSED, NOW))

    assert [run.id for run in await store.reader.waiting_runs(10)] == [waits, paused]
    assert await store.reader.waiting_runs(0) == []


async def test_similar_failures_are_grouped_and_counted(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "breaks", [a_stage("a", retries=1), "b"])
    ids = []
    for number, message in enumerate(("no room for 3 rows", "no room for 77 rows", "connection reset"), 1):
        ids.append(await a_stored_run(store.open_unit_of_work, pipeline))

        def breaks(run: Run, message: str = message, number: int = number) -> None:
            run.stages["a"].current.error_message = message
            run.move(run.stages["a"], Status.FAILED, seconds_later(number * 60))
            run.propagate(seconds_later(number * 60))

        await change(store, ids[-1], started, breaks, started, breaks)

    failures = await store.reader.failures(pipeline.id, 100)

    assert [(each.message, each.count, each.stage) for each in failures] == [("connection reset", 1, "a"), ("no room for 77 rows", 2, "a")]
    assert failures[1].runs == [(ids[1], 2), (ids[0], 1)]
    assert (failures[1].first_at, failures[1].last_at) == (seconds_later(60), seconds_later(120))
    assert [each.count for each in await store.reader.failures(pipeline.id, 2)] == [1, 1]


async def test_earlier_decisions_on_an_approval_are_read_latest_first(store: StoreUnderTest) -> None:
    stages = [a_stage("ask", "approval"), a_stage("again", "approval", needs=[])]
    pipeline = await a_pipeline(store.open_unit_of_work, "asks", stages)
    other = await a_pipeline(store.open_unit_of_work, "asks-too", stages)
    ids = [await a_stored_run(store.open_unit_of_work, of) for of in (pipeline, other, pipeline, pipeline, pipeline)]
    mara = Actor("mara")
    for run_id, decision in ((ids[0], Decision(True, "Better everywhere.")), (ids[1], Decision(True)), (ids[2], Decision(False))):
        await change(store, run_id, lambda run, decision=decision: decide_approval(run, "ask", decision, seconds_later(run.id), mara))
    await change(store, ids[0], lambda run: decide_approval(run, "again", Decision(True), seconds_later(900), ANONYMOUS_ACTOR))

    earlier = await store.reader.past_decisions(pipeline.id, "ask", before=ids[-1], limit=5)

    assert earlier == [
        PastDecision(ids[2], 2, False, "mara", None, seconds_later(ids[2])),
        PastDecision(ids[0], 1, True, "mara", "Better everywhere.", seconds_later(ids[0])),
    ]
    assert await store.reader.past_decisions(pipeline.id, "ask", before=ids[-1], limit=1) == earlier[:1]
    assert await store.reader.past_decisions(pipeline.id, "ask", before=ids[2], limit=5) == earlier[1:]
    assert [each.by for each in await store.reader.past_decisions(pipeline.id, "again", before=ids[-1], limit=5)] == [None]


async def test_the_first_occurrence_of_a_failure_is_found_in_all_runs(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "breaks", ["a", "b"])
    other = await a_pipeline(store.open_unit_of_work, "breaks-too", ["a", "b"])
    ids = []
    for minute, of in enumerate((other, pipeline, pipeline, pipeline)):
        ids.append(await a_stored_run(store.open_unit_of_work, of))

        def breaks(run: Run, minute: int = minute) -> None:
            run.stages["a"].current.error_message = f"no room for {minute} rows"
            run.move(run.stages["a"], Status.FAILED, seconds_later(minute * 60))
            run.propagate(seconds_later(minute * 60))

        await change(store, ids[-1], started, breaks)

    (found,) = await store.reader.failures(pipeline.id, 1)
    first = await store.reader.first_seen(pipeline.id, "a", found.fingerprint)

    assert (found.count, found.first_at, found.first_run) == (1, seconds_later(60), (ids[1], 1))
    assert first == FirstOccurrence(ids[1], 1, seconds_later(60))
    assert await store.reader.first_seen(pipeline.id, "b", found.fingerprint) is None
    assert await store.reader.first_seen(pipeline.id, "a", "0000000000") is None


async def test_log_lines_are_found_by_their_text(store: StoreUnderTest) -> None:
    run_id = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, "talks", ["a"]))
    async with store.open_unit_of_work() as work:
        texts = ["Started", "100% of it", "an ERROR_here", "another error here"]
        await work.logs.append(
            run_id, "a", 1, [NewLogLine(index, NOW, "stdout", text) for index, text in enumerate(texts)], LogLimit(10_000)
        )
        await work.commit()

    async def found(text: str, after: int = 0) -> list[int]:
        return [line.n for line in await store.reader.log_window(run_id, LogFilter(text=text), above=after, limit=10)]

    assert await found("error") == [3, 4]
    assert await found("error", 3) == [4]
    assert await found("100%") == [2]
    assert await found("r_h") == [3]
    assert await store.reader.log_window(run_id, LogFilter("b", text="error"), limit=10) == []


@pytest.mark.parametrize("shown", LINES_WITH_CODES)
async def test_a_log_search_compares_the_text_without_terminal_codes(store: StoreUnderTest, shown: str) -> None:
    run_id = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, "coloured", ["a"]))
    async with store.open_unit_of_work() as work:
        await work.logs.append(run_id, "a", 1, [NewLogLine(0, NOW, "stdout", shown)], LogLimit(10_000))
        await work.commit()

    async def found(text: str) -> list[str]:
        return [line.plain_text for line in await store.reader.log_window(run_id, LogFilter(text=text), limit=10)]

    assert await found("ERROR 42: no") == ["error 42: no"]
    assert await found("[") == await found("\x1b") == await found("31m") == []


async def test_a_window_of_a_log_is_bounded_and_read_from_either_end(store: StoreUnderTest) -> None:
    run_id = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work, "windowed", ["a"]))
    async with store.open_unit_of_work() as work:
        lines = [NewLogLine(index, NOW, "stderr" if index % 2 else "stdout", f"line {index + 1}") for index in range(8)]
        await work.logs.append(run_id, "a", 1, lines, LogLimit(10_000))
        await work.commit()

    async def found(wanted: LogFilter, **bounds: Any) -> list[int]:
        return [line.n for line in await store.reader.log_window(run_id, wanted, **bounds)]

    assert await found(LogFilter(), above=2, below=6, limit=2) == [3, 4]
    assert await found(LogFilter(), above=2, below=6, limit=2, last=True) == [4, 5]
    assert await found(LogFilter(stream="stderr"), limit=10) == [2, 4, 6, 8]
    assert await found(LogFilter("a", 1, "stderr", "LINE"), below=8, limit=2, last=True) == [4, 6]
    assert await found(LogFilter(attempt=2), limit=10) == []
    assert await found(LogFilter(text="line 8"), below=8, limit=10) == []


async def test_revisions_are_read_newest_first(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "revised", ["a"])
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition("revised", ["a", "b"]), NOW)
        await work.commit()

    found = await store.reader.revisions(pipeline.id, limit=10)

    assert [(each.revision, [stage.name for stage in each.definition.stages]) for each in found] == [(2, ["a", "b"]), (1, ["a"])]
    for limit, newest, numbers in ((1, None, [2]), (10, 1, [1]), (10, 7, [2, 1]), (10, 0, []), (1, 2**40, [2])):
        some = await store.reader.revisions(pipeline.id, limit=limit, newest=newest)
        assert [each.revision for each in some] == numbers
    for wanted, numbers in (((1,), [1]), ((1, 2), [2, 1]), ((0, 7, 2**40), []), ((), [])):
        assert [each.revision for each in await store.reader.revisions_numbered(pipeline.id, wanted)] == numbers


async def test_a_revision_is_read_with_its_text_and_lists_show_its_author(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        pipeline = await work.pipelines.add(a_definition("revised", ["a"]), NOW, RevisionOrigin("name: revised\n", "ann"))
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition("revised", ["b"]), NOW, RevisionOrigin(None, "bob", 1))
        await work.pipelines.revise(pipeline.id, a_definition("revised", ["c"]), NOW)
        await work.commit()

    listed = await store.reader.revisions(pipeline.id, limit=10)
    found = [await store.reader.revision(pipeline.id, number) for number in (1, 2, 3, 4, 0, 2**40)]

    assert [(each.revision, each.created_by, each.restored_from) for each in listed] == [(3, None, None), (2, "bob", 1), (1, "ann", None)]
    assert [each and (each.revision, each.source, each.created_by, each.restored_from, each.created_at) for each in found] == [
        (1, "name: revised\n", "ann", None, NOW),
        (2, None, "bob", 1, NOW),
        (3, None, None, None, NOW),
        None,
        None,
        None,
    ]
    assert found[0] is not None and found[0].definition == listed[-1].definition
    assert await store.reader.revision(404, 1) is None


async def test_pipelines_are_found_by_part_of_their_name_and_runs_by_pipelines(store: StoreUnderTest) -> None:
    stored = [await a_pipeline(store.open_unit_of_work, name, ["a"]) for name in ("load-b", "Load_a", "other")]
    runs = [[await a_stored_run(store.open_unit_of_work, each) for each in stored] for _ in range(3)]
    ids = [each.id for each in stored]

    async def found(only: list[int], **asked: Any) -> list[int]:
        page = {"pipeline_id": None, "status": None, "skip": 0, "limit": 10} | asked
        rows = await store.reader.runs(pipeline_ids=only, **page)
        assert [mark.id for mark in await store.reader.run_state_versions(pipeline_ids=only, **page)] == [run.id for run in rows]
        return [run.id for run in rows]

    assert sorted(await store.reader.pipeline_names("LOAD", 10)) == [(ids[0], "load-b"), (ids[1], "Load_a")]
    assert await store.reader.pipeline_names("d_", 10) == [(ids[1], "Load_a")]
    assert len(await store.reader.pipeline_names("", 2)) == 2
    assert await store.reader.pipeline_names("\0", 10) == []
    newest = [run for row in runs[::-1] for run in (row[1], row[0])]
    assert await found(ids[:2]) == newest
    assert await found(ids[:2], skip=1, limit=2) == newest[1:3]
    assert await found(ids[:2], below=newest[1]) == newest[2:]
    assert await found(ids[:2], above=newest[-1], limit=2) == newest[-3:-1]
    assert await found(ids[:2], status=Status.FAILED) == []
    assert await found([]) == []


async def test_a_run_is_found_by_each_name_that_its_pipeline_has_had(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")
    other = await a_pipeline(store.open_unit_of_work, "other")
    ids = [await a_stored_run(store.open_unit_of_work, each) for each in (pipeline, other, pipeline)]
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition("hourly"), NOW)
        await work.commit()

    names = [RunName(name, number) for name in ("nightly", "hourly", "other", "nobody") for number in (1, 2, 10**17)]
    found = [await store.reader.find_run_id(name) for name in names]
    found_together = await store.reader.find_run_ids(names)

    assert found == [ids[0], ids[2], None, ids[0], ids[2], None, ids[1], None, None, None, None, None]
    assert found_together == {name: run_id for name, run_id in zip(names, found, strict=True) if run_id is not None}
    assert await store.reader.find_run_ids([]) == {}


async def test_a_run_name_belongs_to_the_pipeline_that_has_the_name_now(store: StoreUnderTest) -> None:
    renamed = await a_pipeline(store.open_unit_of_work, "nightly")
    await a_stored_run(store.open_unit_of_work, renamed)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(renamed.id, lock=True)
        await work.pipelines.revise(renamed.id, a_definition("hourly"), NOW)
        await work.commit()
    successor = await a_pipeline(store.open_unit_of_work, "nightly")

    before = await store.reader.find_run_id(RunName("nightly", 1))
    run_id = await a_stored_run(store.open_unit_of_work, successor)

    assert (before, await store.reader.find_run_id(RunName("nightly", 1))) == (None, run_id)
