"""No list and no page scans a table that grows with the number of runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from adapters.persistence.database import Database
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from bench.seed import seed
from bench.support.list_queries import build_queries
from bench.support.query_costs import QueryCost, measure_query_cost
from tests.support.postgres import a_database, a_server

RUNS = 6_000


@pytest.fixture(scope="module")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server of its own: while a transaction of another test is open, all later events count as new."""
    with a_server() as server:
        yield server


@pytest.fixture(scope="module")
def costs(postgres: EmbeddedPostgres) -> Iterator[dict[str, QueryCost]]:
    with a_database(postgres) as name:
        upgrade(postgres.url(name))
        seed(postgres.url(name), RUNS, show_progress=False)
        yield asyncio.run(_measure(postgres.url(name)))


async def _measure(url: str) -> dict[str, QueryCost]:
    database = Database(url)
    await database.start()
    try:
        return {name: await measure_query_cost(database, query) for name, query in build_queries(database, RUNS).items()}
    finally:
        await database.stop()


@pytest.fixture(scope="module")
def change_feed_cost(postgres: EmbeddedPostgres) -> Iterator[QueryCost]:
    """The cost of reading the change feed after 24,000 events."""
    with a_database(postgres) as name:
        upgrade(postgres.url(name))
        seed(postgres.url(name), 1_200)
        yield asyncio.run(_measure_change_feed(postgres.url(name)))


async def _measure_change_feed(url: str) -> QueryCost:
    database = Database(url)
    await database.start()
    try:
        return await measure_query_cost(database, build_queries(database, 1_200)["change feed, new events"], for_all_values=True)
    finally:
        await database.stop()


def test_new_events_are_found_without_reading_old_ones(change_feed_cost: QueryCost) -> None:
    assert change_feed_cost.scanned_tables == []
    assert change_feed_cost.discarded_rows < 100


def test_every_query_uses_an_index(costs: dict[str, QueryCost]) -> None:
    assert {name: cost.scanned_tables for name, cost in costs.items() if cost.scanned_tables} == {}


def test_a_page_of_any_length_takes_at_most_five_queries(costs: dict[str, QueryCost]) -> None:
    assert {name: cost.statements for name, cost in costs.items() if not 1 <= cost.statements <= 5} == {}
