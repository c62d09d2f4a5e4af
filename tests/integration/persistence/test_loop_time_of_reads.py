"""Reads of many or large rows let other tasks of the event loop run in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import psycopg
import pytest

from adapters.persistence.connection.database_urls import libpq_url
from adapters.persistence.database import Database
from application.ports.queries.reader import Reader
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.builders import NOW, a_definition, a_pipeline, a_stored_run
from tests.support.loop_time import LoopTime, measure_slowness
from tests.support.worst_store import dense_stages

LONGEST_STEP: Final = 0.1
TRIES: Final = 3
PIPELINES: Final = 300
REVISIONS: Final = 12
READS: Final[dict[str, Callable[[Reader], Awaitable[object]]]] = {
    "the board": lambda reader: reader.board(),
    "revisions": lambda reader: reader.revisions(1, limit=REVISIONS),
    "a pipeline": lambda reader: reader.pipeline(1),
    "pipelines": lambda reader: reader.get_pipelines_by_id(range(1, PIPELINES + 1)),
    "runs": lambda reader: reader.runs(pipeline_id=None, status=None, skip=0, limit=1_000),
    "one run": lambda reader: reader.run(1),
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Store one pipeline of 500 stages that need all before, with many revisions, and many small ones, each with a run.

    Outputs of some are as large as they may be."""
    async with a_started_database(database_url) as started:
        large = await a_pipeline(started.open_unit_of_work, "large", dense_stages(500))
        await a_stored_run(started.open_unit_of_work, large)
        for number in range(REVISIONS):
            async with started.open_unit_of_work() as work:
                await work.pipelines.find(large.id, lock=True)
                await work.pipelines.revise(large.id, a_definition("large", dense_stages(500, timeout=number + 1)), NOW)
                await work.commit()
        for number in range(PIPELINES):
            await a_stored_run(started.open_unit_of_work, await a_pipeline(started.open_unit_of_work, f"small-{number}", 3))
        with psycopg.connect(libpq_url(database_url)) as connection:
            connection.execute(
                "UPDATE attempt SET output = (SELECT jsonb_agg(n) FROM generate_series(1, 120000) n) WHERE run_id BETWEEN 2 AND 16"
            )
        yield started


async def test_no_read_takes_the_event_loop_for_long(database: Database, database_url: str) -> None:
    steps = {name: [await measure(database_url, read) for _ in range(TRIES)] for name, read in READS.items()}

    assert {name: min(each) for name, each in steps.items() if min(each) > LONGEST_STEP} == {}


async def measure(url: str, read: Callable[[Reader], Awaitable[object]]) -> float:
    """Return the longest step of a read by a process that has read nothing yet, in seconds on an ordinary machine."""
    loop_time = LoopTime()
    async with a_started_database(url) as process, loop_time.measuring():
        assert await asyncio.create_task(as_coroutine(read(process.reader)))
    return loop_time.longest / measure_slowness()


async def as_coroutine(work: Awaitable[object]) -> object:
    return await work
