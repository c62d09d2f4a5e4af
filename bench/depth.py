"""Measure what lists and pages cost in the database with few runs and with many: `python -m bench.depth [--runs 1000000]`.

Seeds BASELINE_RUNS runs, measures, seeds the rest and measures again. With `--home` the next run reuses the database.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.persistence.database import Database
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from bench.seed import FAST_SETTINGS, seed
from bench.support.list_queries import build_queries
from bench.support.measurements import Measurement, print_measurements, print_progress, quantity
from bench.support.query_costs import QueryCost, measure_query_cost

BASELINE_RUNS = 10_000


def main() -> None:
    arguments = _parse_arguments()
    print_measurements(measure(arguments.runs, arguments.home))


def measure(runs: int, home: Path | None = None) -> list[Measurement]:
    """Measure every query with BASELINE_RUNS runs and with `runs` runs."""
    with _postgres_server(home) as server:
        seed(server.url(), BASELINE_RUNS)
        few = asyncio.run(_measure_costs(server.url(), BASELINE_RUNS))
        seed(server.url(), runs)
        many = asyncio.run(_measure_costs(server.url(), runs))
    measurements = []
    for name, cost in many.items():
        before = quantity(f"{name}, {BASELINE_RUNS:,} runs", few[name].milliseconds, "ms")
        assert not cost.scanned_tables, f"{name} scans {cost.scanned_tables}"
        measurements.append(quantity(f"{name}, {runs:,} runs", cost.milliseconds, "ms", before))
    return measurements


def parse_run_count(text: str) -> int:
    """Parse a number of runs. Raise ArgumentTypeError for so few that PostgreSQL rightly scans the tables."""
    runs = int(text)
    if runs < BASELINE_RUNS:
        raise argparse.ArgumentTypeError(f"{BASELINE_RUNS:,} runs or more: PostgreSQL scans smaller tables")
    return runs


async def _measure_costs(url: str, runs: int) -> dict[str, QueryCost]:
    database = Database(url)
    await database.start()
    try:
        costs = {}
        queries = build_queries(database, runs)
        for number, (name, query) in enumerate(queries.items()):
            print_progress(f"queries with {runs:,} runs", number, len(queries))
            costs[name] = await measure_query_cost(database, query, times=3)
        print_progress(f"queries with {runs:,} runs", len(queries), len(queries))
        return costs
    finally:
        await database.stop()


@contextmanager
def _postgres_server(home: Path | None) -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="headgate-depth-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(home or Path(folder) / "home", FAST_SETTINGS)
        server.start()
        try:
            upgrade(server.url())
            yield server
        finally:
            server.stop()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure lists and pages in a database with many runs.")
    parser.add_argument("--runs", type=parse_run_count, default=100_000, help="runs to seed; 1,000,000 take minutes (default: 100,000)")
    parser.add_argument("--home", type=Path, help="folder of a database to keep and reuse")
    return parser.parse_args()


if __name__ == "__main__":
    main()
