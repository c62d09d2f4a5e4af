"""No list and no page reads through a table that grows with the runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from adapters.persistence.database import Database
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from bench.seed import seed
from bench.support.query_costs import QueryCost, build_queries, measure_query_cost
from tests.support.postgres import a_database

RUNS = 6_000


@pytest.fixture(scope="module")
def costs(postgres: EmbeddedPostgres) -> Iterator[dict[str, QueryCost]]:
    with a_database(postgres) as name:
        upgrade(postgres.url(name))
        seed(postgres.url(name), RUNS, told=False)
        yield asyncio.run(_costs(postgres.url(name)))


async def _costs(url: str) -> dict[str, QueryCost]:
    database = Database(url)
    await database.start()
    try:
        return {name: await measure_query_cost(database, ask) for name, ask in build_queries(database, RUNS).items()}
    finally:
        await database.stop()


@pytest.fixture(scope="module")
def cost_of_news(postgres: EmbeddedPostgres) -> Iterator[QueryCost]:
    """What the feed's question costs behind 24,000 events."""
    with a_database(postgres) as name:
        upgrade(postgres.url(name))
        seed(postgres.url(name), 1_200)
        yield asyncio.run(_cost_of_news(postgres.url(name)))


async def _cost_of_news(url: str) -> QueryCost:
    database = Database(url)
    await database.start()
    try:
        return await measure_query_cost(database, build_queries(database, 1_200)["what nobody has seen yet"], for_all_values=True)
    finally:
        await database.stop()


def test_what_is_new_is_found_without_a_look_at_what_is_old(cost_of_news: QueryCost) -> None:
    assert cost_of_news.scanned_tables == []
    assert cost_of_news.discarded_rows < 100


def test_every_question_finds_its_rows_by_an_index(costs: dict[str, QueryCost]) -> None:
    assert {name: cost.scanned_tables for name, cost in costs.items() if cost.scanned_tables} == {}


def test_a_page_costs_a_handful_of_statements_however_long_it_is(costs: dict[str, QueryCost]) -> None:
    assert {name: cost.statements for name, cost in costs.items() if not 1 <= cost.statements <= 5} == {}
