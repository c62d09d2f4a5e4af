"""The run cache: never older than the database, and without uncommitted changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import text

from adapters.persistence.database import Database
from adapters.persistence.repositories.runs.run_cache import MAX_ATTEMPTS_PER_RUN
from adapters.system.json_schema.validator import JsonSchemaValidator
from application.commands.reports.report_results import ReportResult
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from domain.errors import Unavailable
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter
from domain.runs.run import Run
from domain.runs.status import Status
from tests.contracts.persistence.test_report_batcher import Population, a_history
from tests.fakes import FakeClock
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.integration.persistence.database_helpers import a_started_database, end_sessions
from tests.support.builders import NOW, a_pipeline, a_stage, a_stored_run


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


@pytest.fixture
async def other_process(database_url: str, database: Database) -> AsyncIterator[Database]:
    """Another process on the same database."""
    async with a_started_database(database_url) as started:
        yield started


async def a_run_to_report_on(database: Database, stages: int = 2) -> int:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=[a_stage(f"s{n}", "external", needs=[]) for n in range(stages)])
    run_id = await a_stored_run(database.open_unit_of_work, pipeline)
    assert (await report(database, run_id, Status.RUNNING, 1)).applied
    return run_id


async def report(database: Database, run_id: int, status: Status, records: int, stage: str = "s0") -> ReportResult:
    report_status = ReportStatus(database.open_unit_of_work, JsonSchemaValidator(), FakeClock(), FakeWakeups())
    (answer,) = await report_status([StatusUpdate(Report(status, stage, records_processed=records), run_id=run_id)])
    return answer


async def read_run(database: Database, run_id: int) -> Run:
    async with database.open_unit_of_work() as work:
        return (await work.runs.lock([run_id]))[run_id]


async def test_a_second_report_reads_only_the_locked_row(database: Database) -> None:
    run_id = await a_run_to_report_on(database)

    with database.record_queries() as recorder:
        answer = await report(database, run_id, Status.RUNNING, 2)

    assert (answer.applied, len(recorder.queries)) == (True, 2), "lock the row, store the progress"
    assert "attempt" not in recorder.queries[0].text
    assert (await read_run(database, run_id)).stages["s0"].current.records_processed == 2


async def test_changes_of_another_process_are_seen(database: Database, other_process: Database) -> None:
    run_id = await a_run_to_report_on(database)
    assert (await report(other_process, run_id, Status.COMPLETED, 5)).applied

    late = await report(database, run_id, Status.RUNNING, 6)
    other = await report(database, run_id, Status.RUNNING, 7, "s1")

    assert (late.applied, late.status) == (False, Status.COMPLETED)
    assert other.applied
    run = await read_run(other_process, run_id)
    assert [stage.current.records_processed for stage in run.stages.values()] == [5, 7]


async def test_a_row_changed_by_hand_is_read_again(database: Database) -> None:
    run_id = await a_run_to_report_on(database)
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE run SET last_seq = last_seq WHERE id = :run"), {"run": run_id})
        await connection.execute(text("UPDATE attempt SET message = 'by hand' WHERE run_id = :run AND position = 1"), {"run": run_id})

    with database.record_queries() as recorder:
        assert (await report(database, run_id, Status.RUNNING, 2)).applied

    assert len(recorder.queries) == 4, "lock the row; read the row and its attempts; store the progress"
    assert (await read_run(database, run_id)).stages["s1"].current.message == "by hand"


async def test_an_uncommitted_run_is_not_cached(database: Database) -> None:
    run_id = await a_run_to_report_on(database)
    before = await read_run(database, run_id)

    async with database.open_unit_of_work() as work:
        run = (await work.load_for_update([run_id])).runs[run_id]
        assert judge_report(run, Report(Status.COMPLETED, "s0"), Reporter(), None, NOW).applied
        await work.runs.save(run)
    async with database.open_unit_of_work() as work:
        run = (await work.load_for_update([run_id])).runs[run_id]
        assert run == before
        assert judge_report(run, Report(Status.FAILED, "s0"), Reporter(), None, NOW).applied
        await work.runs.save(run)
        await end_sessions(database, "headgate")
        with pytest.raises(Unavailable):
            await work.commit()

    assert (await report(database, run_id, Status.RUNNING, 9)).applied
    assert (await read_run(database, run_id)).stages["s0"].current.records_processed == 9


async def test_a_run_changed_after_its_save_is_not_cached(database: Database) -> None:
    run_id = await a_run_to_report_on(database)

    async with database.open_unit_of_work() as work:
        run = (await work.load_for_update([run_id])).runs[run_id]
        assert judge_report(run, Report(Status.RUNNING, "s0", records_processed=3), Reporter(), None, NOW).applied
        await work.runs.save(run)
        assert judge_report(run, Report(Status.RUNNING, "s0", records_processed=4), Reporter(), None, NOW).applied  # never saved
        await work.commit()

    assert (await report(database, run_id, Status.RUNNING, 3)).applied is False, "3 is stored already"
    assert (await report(database, run_id, Status.RUNNING, 4)).applied


async def test_a_run_with_too_many_attempts_is_not_cached(database: Database) -> None:
    run_id = await a_run_to_report_on(database, MAX_ATTEMPTS_PER_RUN + 1)

    with database.record_queries() as recorder:
        assert (await report(database, run_id, Status.RUNNING, 2)).applied

    assert len(recorder.queries) == 3, "lock the row, read its attempts, store the progress"


@pytest.mark.parametrize("seed", range(4))
async def test_processes_that_take_turns_store_what_one_process_stores(database: Database, other_process: Database, seed: int) -> None:
    history = a_history(seed)
    outcomes = []

    for prefix, processes in (("aaa", [database]), ("bbb", [other_process, database])):
        population = Population(database, prefix)
        await population.build()
        handlers = [ReportStatus(each.open_unit_of_work, JsonSchemaValidator(), FakeClock(), FakeWakeups()) for each in processes]
        answers = [
            answer for n, update in enumerate(history) for answer in await report_in_turn(handlers, n, [population.localize(update)])
        ]
        outcomes.append((await population.to_comparable(answers), await population.read_records()))

    assert list(zip(history, outcomes[0][0], strict=True)) == list(zip(history, outcomes[1][0], strict=True))
    assert outcomes[0][1] == outcomes[1][1]


async def report_in_turn(handlers: Sequence[ReportStatus], number: int, updates: Sequence[StatusUpdate]) -> list[ReportResult]:
    return await handlers[number // 3 % len(handlers)](updates)
