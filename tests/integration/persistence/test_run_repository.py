"""Runs on PostgreSQL: row locks, the guard of terminal statuses, and the number of queries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.persistence.database import Database
from domain.errors import Unavailable
from domain.pipelines.parsing import parse_definition
from domain.runs.status import Status
from tests.integration.persistence.database_helpers import a_started_database, query_value, until_a_session_waits_for_a_lock
from tests.support.builders import NOW, WORKER, a_definition, a_pipeline, a_run_of, a_stage, a_stored_run


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_concurrent_triggers_get_different_numbers(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)

    await asyncio.gather(*(a_stored_run(database.open_unit_of_work, pipeline) for _ in range(8)))

    assert sorted(run.number for run in await database.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=20)) == [
        *range(1, 9)
    ]


async def test_a_transaction_that_waited_for_a_run_sees_the_committed_change(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)
    run_id = await a_stored_run(database.open_unit_of_work, pipeline)

    async def second() -> Status:
        async with database.open_unit_of_work() as work:
            return (await work.runs.lock([run_id]))[run_id].stages["a"].status

    async with database.open_unit_of_work() as first:
        run = (await first.runs.lock([run_id]))[run_id]
        run.claim(1, WORKER, NOW)
        run.start_ready_stages(1, WORKER, NOW)
        await first.runs.save(run)
        waiting = asyncio.create_task(second())
        await until_a_session_waits_for_a_lock(database)
        await first.commit()

    assert await waiting is Status.RUNNING


async def test_a_transaction_that_waited_for_a_pipeline_gets_its_new_revision(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=1)

    async def second() -> int:
        async with database.open_unit_of_work() as work:
            found = await work.pipelines.find(pipeline.name, lock=True)
            return len(found.definition.stages) if found else 0

    async with database.open_unit_of_work() as first:
        await first.pipelines.find(pipeline.id, lock=True)
        waiting = asyncio.create_task(second())
        await until_a_session_waits_for_a_lock(database)
        await first.pipelines.revise(pipeline.id, a_definition(pipeline.name, 2), NOW)
        await first.commit()

    assert await waiting == 2


async def test_locks_taken_in_opposite_orders_do_not_deadlock(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)
    ids = [await a_stored_run(database.open_unit_of_work, pipeline) for _ in range(4)]

    async def lock(order: list[int]) -> int:
        async with database.open_unit_of_work() as work:
            return len(await work.runs.lock(order))

    assert await asyncio.gather(*(lock(order) for _ in range(10) for order in (ids, ids[::-1]))) == [4] * 20


async def test_a_lock_held_too_long_raises_unavailable(database: Database) -> None:
    run_id = await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work))

    async with database.open_unit_of_work() as holder, database.open_unit_of_work() as other:
        await holder.runs.lock([run_id])
        with pytest.raises(Unavailable, match="busy"):
            await other.runs.lock([run_id])


async def test_the_database_rejects_changes_of_a_terminal_status(database: Database) -> None:
    run_id = await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work, stages=1))
    async with database.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.cancel(NOW, "someone")
        await work.runs.save(run)
        await work.commit()

    async with database.engine.connect() as connection:
        with pytest.raises(IntegrityError, match="which is final"):
            await connection.execute(text("UPDATE attempt SET status = 'running'"))
        await connection.rollback()
        await connection.execute(text("UPDATE attempt SET message = 'a remark'"))


async def test_an_unknown_status_is_rejected(database: Database) -> None:
    await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work))

    async with database.engine.connect() as connection:
        with pytest.raises(IntegrityError, match="ck_run_status"):
            await connection.execute(text("UPDATE run SET status = 'sleeping'"))


async def test_a_trigger_takes_four_queries(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=5)
    await a_stored_run(database.open_unit_of_work, pipeline)

    with database.record_queries() as recorder:
        await a_stored_run(database.open_unit_of_work, pipeline)

    assert len(recorder.queries) == 4, "lock the pipeline, number the run, store it, request its dispatch"


async def test_saving_a_run_takes_three_queries_and_writes_changed_rows_only(database: Database) -> None:
    run_id = await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work, stages=5))
    async with database.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.claim(1, WORKER, NOW)
        await work.runs.save(run)
        await work.commit()

    with database.record_queries() as recorder:
        async with database.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id]))[run_id]
            run.start_ready_stages(1, WORKER, NOW)
            await work.runs.save(run)
            await work.commit()

    assert len(recorder.queries) == 3, "lock the run, read its attempts, store all that changed"
    assert await query_value(database, "SELECT count(*) FROM attempt WHERE xmin = (SELECT xmin FROM run)") == 1


async def test_a_list_of_ten_pipelines_takes_as_many_queries_as_one(database: Database) -> None:
    async def cost(limit: int) -> int:
        with database.record_queries() as recorder:
            assert len(await database.reader.pipelines(0, limit)) == limit
        return len(recorder.queries)

    for number in range(10):
        await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work, f"p{number}"))
    assert await cost(10) == 4, "pipelines, their newest runs, attempts and dispatches"

    assert await cost(1) == await cost(10) == 3, "attempts that were read once are known"


async def test_a_definition_is_read_as_it_was_written(database: Database, database_url: str) -> None:
    raw = {
        "name": "everything",
        "description": "Größe ✓",
        "parallelism": 3,
        "pool": "elsewhere",
        "env": {"B": "1", "A": "2"},
        "parameters": {"type": "object", "properties": {"zeta": {"type": "integer"}, "alpha": {"type": "string"}}},
        "stages": [
            a_stage("a", env={"B": "1", "A": "2"}, timeout=1.5, retries=2, retry_delay=0.5, retry_on_loss=True, workdir="sub"),
            {"name": "b", "kind": "command", "command": "echo $X | wc", "shell": True, "needs": []},
            a_stage("c", "python", needs=["a", "b"], allow_failure=True),
            a_stage("d", "external", when="always"),
        ],
    }
    definition = parse_definition(raw)
    async with database.open_unit_of_work() as work:
        await work.pipelines.add(definition, NOW)
        await work.commit()

    async with a_started_database(database_url) as elsewhere:
        found = await elsewhere.reader.pipeline("everything")

    assert found is not None
    assert found.definition == definition
    assert list((found.definition.parameters or {})["properties"]) == ["zeta", "alpha"], "a form follows the author's order"


async def test_a_rolled_back_definition_is_not_cached(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, stages=1)
    async with database.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition(pipeline.name, 2), NOW)
        assert len((await work.pipelines.find(pipeline.id) or pipeline).definition.stages) == 2

    async with database.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, a_definition(pipeline.name, 3), NOW)
        await work.commit()

    found = await database.reader.pipeline(pipeline.id)
    assert found is not None and len(found.definition.stages) == 3


async def test_concurrent_relays_share_the_outbox_without_waiting(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)
    ids = {await a_stored_run(database.open_unit_of_work, pipeline) for _ in range(4)}

    async with database.open_unit_of_work() as one, database.open_unit_of_work() as other:
        first = await one.outbox.lease("one", 2, 30)
        second = await other.outbox.lease("other", 10, 30)

    assert len(first) == len(second) == 2
    assert {row.run_id for row in [*first, *second]} == ids


async def test_a_run_that_cannot_be_saved_leaves_nothing_behind(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)

    async with database.open_unit_of_work() as work:
        await work.runs.add(a_run_of(pipeline, 1))
        with pytest.raises(IntegrityError):
            await work.runs.add(a_run_of(pipeline, 1))

    assert await query_value(database, "SELECT count(*) FROM run") == 0
