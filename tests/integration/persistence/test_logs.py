"""Logs on PostgreSQL: appends at once, the cut, and that they keep clear of the run's own row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.persistence.database import Database
from application.ports.persistence.logs import NewLogLine
from application.queries.views.logs import LogFilter
from domain.runs.attempt_log import LogLimit
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.builders import NOW, a_pipeline, a_stored_run

LIMIT = 10 * 1024 * 1024


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


@pytest.fixture
async def run_id(database: Database) -> int:
    return await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work))


def lines(first: int, count: int, text: str = "line") -> list[NewLogLine]:
    return [NewLogLine(index, NOW, "stdout", text) for index in range(first, first + count)]


async def append(database: Database, run_id: int, stage: str, new: list[NewLogLine], limit: int = LIMIT) -> int:
    async with database.open_unit_of_work() as work:
        appended = await work.logs.append(run_id, stage, 1, new, LogLimit(limit))
        await work.commit()
        return appended.stored


async def test_lines_of_concurrent_stages_are_numbered_without_gaps(database: Database, run_id: int) -> None:
    await asyncio.gather(*(append(database, run_id, stage, lines(0, 10)) for stage in ("a", "b", "c")))

    log = await database.reader.log(run_id, stage=None, attempt=None, after=0, limit=100)
    assert [line.n for line in log] == [*range(1, 31)]


async def test_the_same_lines_sent_concurrently_are_stored_once(database: Database, run_id: int) -> None:
    stored = await asyncio.gather(*(append(database, run_id, "a", lines(0, 10)) for _ in range(4)))

    assert sorted(stored) == [0, 0, 0, 10]


async def test_an_append_does_not_wait_for_the_run(database: Database, run_id: int) -> None:
    async with database.open_unit_of_work() as holder:
        await holder.runs.lock([run_id])

        async with asyncio.timeout(20):
            assert await append(database, run_id, "a", lines(0, 1)) == 1


async def test_a_full_head_ends_with_one_note(database: Database, run_id: int) -> None:
    mebibyte = "x" * 1024 * 1024
    await append(database, run_id, "a", lines(0, 10, mebibyte))

    await append(database, run_id, "a", lines(10, 2))
    await append(database, run_id, "a", lines(12, 2))

    log = await database.reader.log_window(run_id, LogFilter("a"), limit=100, last=True)
    assert len(log) == 10
    note = "This attempt has written 9 MiB. The last 1 MiB of what follows are shown when it ends."
    assert (log[-1].stream, log[-1].text) == ("headgate", note)


async def test_a_batch_of_lines_takes_three_statements(database: Database, run_id: int) -> None:
    with database.record_queries() as recorder:
        await append(database, run_id, "a", lines(0, 500))

    assert len(recorder.queries) == 3


async def test_an_unknown_stage_has_no_log(database: Database, run_id: int) -> None:
    async with database.open_unit_of_work() as work:
        with pytest.raises(LookupError):
            await work.logs.append(run_id, "nowhere", 1, lines(0, 1), LogLimit(LIMIT))


async def test_the_feed_lists_runs_with_new_log_lines(database: Database, run_id: int) -> None:
    cursor = await database.change_feed.position()
    await append(database, run_id, "a", lines(0, 1))

    batch = await database.change_feed.read(cursor)

    assert list(batch.logs) == [run_id]
    assert list((await database.change_feed.read(batch.cursor)).logs) == []
