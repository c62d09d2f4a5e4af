"""What lists and pages cost in the database as the runs add up: `python -m bench.depth [--runs 1000000]`.

Seeds a hundredth of the runs, measures, seeds the rest and measures again, so that the two stand side by side. With `--home` the
database is kept, and a later run finds it filled.
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
from bench.seed import QUICK, seed
from bench.support.measurements import Measurement, print_measurements, print_progress, quantity
from bench.support.query_costs import QueryCost, build_queries, measure_query_cost

BASELINE_RUNS = 10_000


def main() -> None:
    arguments = _arguments()
    print_measurements(measure(arguments.runs, arguments.home))


def measure(runs: int, home: Path | None = None) -> list[Measurement]:
    """Every question at `BASELINE_RUNS` runs and at `runs`."""
    with _a_server(home) as server:
        seed(server.url(), BASELINE_RUNS)
        few = asyncio.run(_costs(server.url(), BASELINE_RUNS))
        seed(server.url(), runs)
        many = asyncio.run(_costs(server.url(), runs))
    figures = []
    for name, cost in many.items():
        before = quantity(f"{name}, {BASELINE_RUNS:,} runs", few[name].milliseconds, "ms")
        assert not cost.scanned_tables, f"{name} reads through {cost.scanned_tables}"
        figures.append(quantity(f"{name}, {runs:,} runs", cost.milliseconds, "ms", before))
    return figures


def parse_run_count(text: str) -> int:
    """How many runs, from a command line. ArgumentTypeError for so few that PostgreSQL is right to read through all of them."""
    runs = int(text)
    if runs < BASELINE_RUNS:
        raise argparse.ArgumentTypeError(f"{BASELINE_RUNS:,} runs or more; fewer are read through, as they should be")
    return runs


async def _costs(url: str, runs: int) -> dict[str, QueryCost]:
    database = Database(url)
    await database.start()
    try:
        found = {}
        asked = build_queries(database, runs)
        for number, (name, ask) in enumerate(asked.items()):
            print_progress(f"questions to {runs:,} runs", number, len(asked))
            found[name] = await measure_query_cost(database, ask, times=3)
        print_progress(f"questions to {runs:,} runs", len(asked), len(asked))
        return found
    finally:
        await database.stop()


@contextmanager
def _a_server(home: Path | None) -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="headgate-depth-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(home or Path(folder) / "home", QUICK)
        server.start()
        try:
            upgrade(server.url())
            yield server
        finally:
            server.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure lists and pages in the database at some depth.")
    parser.add_argument("--runs", type=parse_run_count, default=100_000, help="runs to seed; 1,000,000 takes minutes (100,000)")
    parser.add_argument("--home", type=Path, help="folder of a database to keep and to ask again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
