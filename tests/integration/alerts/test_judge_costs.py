"""What judging costs in PostgreSQL: as many statements for many failing runs as for a few."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.persistence.database import Database
from domain.alerts.incident import IncidentState
from domain.runs.status import Status
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.judged_alerts import RULE, JudgedStore

BAD, GOOD = Status.FAILED, Status.COMPLETED
MAX_STATEMENTS = 20


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_many_failing_runs_take_as_many_statements_as_two(database: Database) -> None:
    judged = JudgedStore(database.open_unit_of_work, database.change_feed)
    await judged.judge.run_once()
    pipelines = [await judged.add_pipeline(f"p{number}", RULE, RULE | {"name": "other"}) for number in range(40)]
    counts = []

    for chosen, ends in ((pipelines[:2], (BAD,)), (pipelines[2:], (BAD, BAD)), (pipelines, (GOOD,)), (pipelines[:1], [BAD] * 60)):
        for pipeline in chosen:
            await judged.end(pipeline, *ends)
        with database.record_queries() as recorder:
            await judged.judge.run_once()
        counts.append(len(recorder.queries))

    assert max(counts) <= MAX_STATEMENTS, counts
    assert max(counts) - min(counts) <= 4, counts
    incidents = await judged.find_incidents()
    assert [incident.state for incident in incidents].count(IncidentState.RESOLVED) == 80


async def test_a_pass_without_news_takes_two_statements(database: Database) -> None:
    judged = JudgedStore(database.open_unit_of_work, database.change_feed)
    await judged.add_pipeline()
    for _ in range(2):
        await judged.judge.run_once()

    with database.record_queries() as recorder:
        await judged.judge.run_once()

    assert len(recorder.queries) == 2, recorder.queries
