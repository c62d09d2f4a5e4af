"""The numbers of queries and round trips of common operations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.persistence.database import Database
from adapters.system.clock import SystemClock
from adapters.system.json_schema.validator import JsonSchemaValidator
from adapters.telemetry.null import NullTelemetry
from application.commands.dispatches.advance_dispatch import AdvanceCommand, AdvanceDispatch, WorkerReport
from application.commands.dispatches.claim_dispatch import ClaimDispatch
from application.commands.dispatches.claims import DispatchRules
from application.commands.dispatches.eager_claim import EagerClaimer
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from application.commands.runs.run_opener import RunOpener, TriggerCommand
from application.commands.runs.trigger_pipeline import TriggerPipeline
from application.services.batching.advance_batcher import AdvanceBatcher
from application.services.batching.report_batcher import ReportBatcher
from application.services.concurrency.grant_service import GrantService
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.flow_runs.deployment_checks import DeploymentChecks
from application.services.flow_runs.deployment_lookup import DeploymentLookup
from domain.concurrency.bucket import Bucket
from domain.concurrency.slots import SlotChange, SlotState
from domain.reports.report import Report
from domain.runs.status import Status
from tests.fakes.access.execution_tokens import FakeExecutionTokens
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.fakes.dispatch.worker_streams import FakeWorkerStreams
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.builders import NOW, WORKER, a_definition, a_pipeline, a_run_of, a_stage, a_stored_run


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_sixty_four_reports_take_as_many_queries_as_one(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=[a_stage("a", "external"), a_stage("b", "external", needs=[])])
    runs = [await a_stored_run(database.open_unit_of_work, pipeline) for _ in range(64)]
    batcher = ReportBatcher(ReportStatus(database.open_unit_of_work, JsonSchemaValidator(), SystemClock(), FakeWakeups()))
    counts = []

    for reported_runs in (runs[:1], runs[1:], runs):
        updates = [
            StatusUpdate(Report(Status.RUNNING, "a", records_processed=len(reported_runs)), pipeline.name, run_id)
            for run_id in reported_runs
        ]
        with database.record_queries() as recorder:
            answers = await asyncio.gather(*(batcher([update]) for update in updates))
        assert all(answer.applied for (answer,) in answers)
        counts.append(len(recorder.queries))

    first, rest, cached = counts
    assert first == rest == 4, "lock the runs, read attempts and pipelines, store the changes"
    assert cached == 3, "cached runs need no attempts"


async def test_reports_that_name_their_runs_take_two_round_trips(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=[a_stage("a", "external")])
    runs = [await a_stored_run(database.open_unit_of_work, pipeline) for _ in range(8)]
    batcher = ReportBatcher(ReportStatus(database.open_unit_of_work, JsonSchemaValidator(), SystemClock(), FakeWakeups()))
    updates = [StatusUpdate(Report(Status.RUNNING, "a"), pipeline.name, run_id, event_id="e") for run_id in runs]

    with database.record_queries() as recorder:
        await asyncio.gather(*(batcher([update]) for update in updates))

    assert recorder.sizes == [4, 2], "runs, attempts, receipts and pipelines; then all that changed, its receipts, and the commit"


async def test_only_a_name_that_no_pipeline_has_is_looked_up_as_an_old_one(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, "old", [a_stage("a", "external")])
    async with database.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition("new", [a_stage("a", "external")]), NOW)
        await work.commit()
    run_id = await a_stored_run(database.open_unit_of_work, pipeline)
    batcher = ReportBatcher(ReportStatus(database.open_unit_of_work, JsonSchemaValidator(), SystemClock(), FakeWakeups()))

    sizes = []
    for number, name in enumerate(("new", "new", "old"), start=1):
        with database.record_queries() as recorder:
            await batcher([StatusUpdate(Report(Status.RUNNING, "a", records_processed=number), name, run_id)])
        sizes.append(recorder.sizes)
    finds = []
    for name in ("new", "old", "nobody"):
        with database.record_queries() as recorder:
            async with database.open_unit_of_work() as work:
                await work.pipelines.find(name)
        finds.append(len(recorder.queries))

    assert sizes[1:] == [[2, 1], [2, 1, 1]], "the run and the pipeline, then the changes; a lookup of the old name between"
    assert finds == [1, 3, 2], "the pipeline; its old name and its id besides"


async def test_event_ids_and_sequence_numbers_add_one_query_each_way(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=[a_stage("a", "external")])
    runs = [await a_stored_run(database.open_unit_of_work, pipeline) for _ in range(8)]
    batcher = ReportBatcher(ReportStatus(database.open_unit_of_work, JsonSchemaValidator(), SystemClock(), FakeWakeups()))
    report = Report(Status.RUNNING, "a", seq=1)

    with database.record_queries() as recorder:
        await asyncio.gather(*(batcher([StatusUpdate(report, run_id=run_id, event_id="e", reporter="ci")]) for run_id in runs))

    assert len(recorder.queries) == 7  # runs, attempts, receipts, numbers; then all that changed, receipts, numbers


async def test_advancing_any_number_of_dispatches_takes_two_round_trips(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=3)
    clock, rules = SystemClock(), DispatchRules("here", 20.0)
    runs = [await a_stored_run(database.open_unit_of_work, pipeline) for _ in range(8)]
    claim = ClaimDispatch(database.open_unit_of_work, FakeExecutionTokens(), clock, FakeWakeups(), rules)
    batcher = AdvanceBatcher(AdvanceDispatch(database.open_unit_of_work, FakeExecutionTokens(), clock, FakeWakeups(), rules))

    with database.record_queries() as recorder:
        await claim(runs[0], 1, WORKER, 1)
    assert recorder.sizes == [2, 3], "lock it and read its attempts; then its lease, all that changed, its dispatch, and the commit"

    for run_id in runs[1:]:
        await claim(run_id, 1, WORKER, 1)
    for reported_runs in (runs[:1], runs[1:]):
        ended = Report(Status.COMPLETED, "a", attempt=1)
        steps = [AdvanceCommand(WORKER, run_id, 1, 1, [WorkerReport(f"{run_id}:a", ended)]) for run_id in reported_runs]
        with database.record_queries() as recorder:
            answers = await asyncio.gather(*(batcher(step) for step in steps))
        assert [start.stage for answer in answers for start in answer.starts] == ["b"] * len(reported_runs)
        assert recorder.sizes == [3, 2], "lock them, read attempts and receipts; then receipts, all that changed, and the commit"


async def test_a_trigger_takes_four_round_trips(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=5)
    trigger = TriggerPipeline(database.open_unit_of_work, RunOpener(JsonSchemaValidator(), SystemClock(), FakeWakeups(), FakeDiskSpace()))
    await trigger(TriggerCommand(pipeline.name))

    with database.record_queries() as recorder:
        await trigger(TriggerCommand(pipeline.name))

    assert recorder.sizes == [1, 1, 1, 2], "the pipeline, the number, the run; then its dispatch, the audit entry, and the commit"


async def test_only_a_pipeline_that_runs_deployments_takes_a_check_and_a_round_trip_for_it(database: Database) -> None:
    plain = await a_pipeline(database.open_unit_of_work, "plain", stages=5)
    training = await a_pipeline(database.open_unit_of_work, "training", stages=[a_stage("train", "prefect")])
    prefect, schemas = FakeDeployments(), JsonSchemaValidator()
    prefect.add("ml/train")
    checks = DeploymentChecks(DeploymentLookup(prefect), schemas)
    opener = RunOpener(schemas, SystemClock(), FakeWakeups(), FakeDiskSpace(), deployment_checks=checks)
    trigger = TriggerPipeline(database.open_unit_of_work, opener)
    round_trips, requests = [], []

    for pipeline in (plain, training):
        await trigger(TriggerCommand(pipeline.name))
        with database.record_queries() as recorder:
            await trigger(TriggerCommand(pipeline.name))
            await trigger.process_batch([TriggerCommand(pipeline.name)] * 2)
        round_trips.append(len(recorder.sizes))
        requests.append(prefect.requests.total())

    assert round_trips == [8, 10], "a transaction reads the pipeline, and another one opens the runs after the check"
    assert requests == [0, 1], "and the deployment is remembered for a moment"


async def test_concurrency_limits_add_no_round_trip_to_a_trigger(database: Database) -> None:
    limits = [{"limit": 9}, {"key": {"parameter": "customer"}, "limit": 2}, {"group": "warehouse", "limit": 9}]
    pipeline = await a_pipeline(database.open_unit_of_work, stages=5, concurrency=limits, parameters={"type": "object"})
    trigger = TriggerPipeline(database.open_unit_of_work, RunOpener(JsonSchemaValidator(), SystemClock(), FakeWakeups(), FakeDiskSpace()))
    await trigger(TriggerCommand(pipeline.name))

    sizes = []
    for commands in (1, 8):
        with database.record_queries() as recorder:
            await trigger.process_batch([TriggerCommand(pipeline.name, {"customer": "acme"}) for _ in range(commands)])
        sizes.append(len(recorder.sizes))

    assert sizes == [4, 4], "the buckets are locked and read with the number, for one run or for many"


async def test_slots_take_one_statement_and_no_round_trip_of_their_own(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=1)
    bucket = Bucket("group:warehouse", "group:warehouse")
    plain, limited = [], []
    for number in range(1, 9):
        run = a_run_of(pipeline, number=number)
        is_limited = number % 2 == 0
        if is_limited:
            run.slot_changes = {None: SlotChange(None, SlotState.HELD, (bucket,), 0, NOW)}
        with database.record_queries() as recorder:
            async with database.open_unit_of_work() as work:
                await work.runs.add(run)
                await work.commit()
        added = recorder.sizes
        with database.record_queries() as recorder:
            async with database.open_unit_of_work() as work:
                loaded = (await work.runs.lock([run.id]))[run.id]
                loaded.cancel(NOW, "ada")
                if is_limited:
                    loaded.slot_changes = {None: SlotChange(None, SlotState.NONE, (), 0, NOW)}
                await work.runs.save(loaded)
                await work.commit()
        (limited if is_limited else plain).append((added, recorder.sizes))

    assert plain[1:] == [([1, 1], [2, 2])] * 3, "the run, then its dispatch; lock it and read its attempts, then all that changed"
    assert limited[1:] == [([1, 2], [2, 3])] * 3, "the slots go with what is written anyway"


async def test_a_claim_in_the_triggers_transaction_takes_no_extra_round_trip(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=5)
    links = FakeWorkerStreams()
    links.link(WORKER)
    eager_claimer = EagerClaimer(links, FakeExecutionTokens(), lambda: DispatchRules("here", 20.0), ("headgate",), lambda _: False)
    trigger = TriggerPipeline(
        database.open_unit_of_work, RunOpener(JsonSchemaValidator(), SystemClock(), FakeWakeups(), FakeDiskSpace(), eager_claimer)
    )
    await trigger(TriggerCommand(pipeline.name))

    with database.record_queries() as recorder:
        await trigger(TriggerCommand(pipeline.name))

    assert recorder.sizes == [1, 1, 1, 3], "as a trigger without it, and the lease beside"
    assert len(links.pushed) == 2


async def test_the_board_reads_attempts_of_changed_runs_only(database: Database) -> None:
    pipelines = [await a_pipeline(database.open_unit_of_work, f"p{number}", [a_stage("a", "external")]) for number in range(3)]
    runs = [await a_stored_run(database.open_unit_of_work, pipeline) for pipeline in pipelines]
    batcher = ReportBatcher(ReportStatus(database.open_unit_of_work, JsonSchemaValidator(), SystemClock(), FakeWakeups()))
    first = await database.reader.board()

    with database.record_queries() as unchanged:
        again = await database.reader.board()
    await batcher([StatusUpdate(Report(Status.RUNNING, "a", message="under way"), run_id=runs[1])])
    with database.record_queries() as changed:
        after = await database.reader.board()

    assert again == first
    assert (len(unchanged.queries), len(changed.queries)) == (4, 5), (
        "pipelines, their newest runs, dispatches and bars; and the attempts of one"
    )
    messages = [row.pipeline.latest.stages[0].newest.message for row in after if row.pipeline.latest]
    assert messages == [None, "under way", None]


async def test_granting_slots_to_many_runs_takes_as_many_round_trips_as_to_one(database: Database) -> None:
    trigger = TriggerPipeline(database.open_unit_of_work, RunOpener(JsonSchemaValidator(), SystemClock(), FakeWakeups(), FakeDiskSpace()))
    wakeups = LocalWakeups(FakeWorkerStreams(), frozenset({"headgate"}))
    service = GrantService(database.open_unit_of_work, SystemClock(), wakeups, NullTelemetry())
    sizes = []

    for name, waiting in (("warm-up", 1), ("one", 1), ("many", 20)):
        pipeline = await a_pipeline(database.open_unit_of_work, name, concurrency=[{"limit": 1}], stages=2)
        await _set_limit(database, pipeline.id, 1)
        opened = [await trigger(TriggerCommand(name)) for _ in range(waiting + 1)]
        await _set_limit(database, pipeline.id, 50)
        with database.record_queries() as recorder:
            await service.run_once()
        sizes.append(recorder.sizes)
        async with database.open_unit_of_work() as work:
            runs = await work.runs.lock([each.run_id for each in opened])
        assert {run.slot_state for run in runs.values()} == {SlotState.HELD}

    assert sizes[1] == sizes[2] == [1, 2, 1, 2, 3, 1, 1], (
        "find; lock and read; list; lock the runs; save all that changed; find nothing more, and nothing that waits"
    )


async def _set_limit(database: Database, pipeline_id: int, limit: int) -> None:
    async with database.open_unit_of_work() as work:
        await work.concurrency.set_limits(pipeline_id, {f"pipeline:{pipeline_id}": limit}, NOW)
        await work.commit()


async def test_requested_and_cancelled_flow_runs_travel_with_their_run(database: Database) -> None:
    stages = [a_stage(name, "prefect", needs=[]) for name in "abc"]
    pipelines = [
        await a_pipeline(database.open_unit_of_work, "prefect", stages),
        await a_pipeline(database.open_unit_of_work, "other", 1),
    ]
    sizes = []
    for pipeline in pipelines:
        with database.record_queries() as recorder:
            async with database.open_unit_of_work() as work:
                run_id = await work.runs.add(a_run_of(pipeline))
                await work.commit()
            async with database.open_unit_of_work() as work:
                run = (await work.runs.lock([run_id]))[run_id]
                run.cancel(NOW, "mara")
                await work.runs.save(run)
                await work.commit()
        sizes.append(list(recorder.sizes))

    assert [len(each) for each in sizes] == [len(sizes[1])] * 2, "no round trip of their own"
    assert sum(sizes[0]) == sum(sizes[1]), "one statement for all flow runs, in place of that for the dispatch"
