"""What the five stages share: the run's directory, the warehouse in it, and how they talk while they work."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import duckdb

WAREHOUSE = "warehouse.duckdb"


def run_dir() -> Path:
    """The directory that all stages of this run share. Raises RuntimeError outside a run."""
    directory = os.environ.get("HEADGATE_RUN_DIR")
    if not directory:
        raise RuntimeError("HEADGATE_RUN_DIR is not set: let Headgate start this stage, or try python -m examples.flights.run")
    return Path(directory)


def print_progress(line: str) -> None:
    """Print progress at once, so that it is read while the stage still runs."""
    print(line, flush=True)


def print_warning(line: str) -> None:
    """Print what a person should look at, though the stage goes on."""
    print(line, file=sys.stderr, flush=True)


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file with bounded appetite: two threads, half a GiB, UTC, and nothing spilled outside its own directory."""
    connection = duckdb.connect(str(path), config={"threads": 2, "memory_limit": "512MB", "temp_directory": f"{path}.tmp"})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def open_warehouse() -> duckdb.DuckDBPyConnection:
    """Open what `ingest` loaded. Raises FileNotFoundError if this worker did not run `ingest`."""
    path = run_dir() / WAREHOUSE
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: the stage ingest has to run on this worker first")
    return connect(path)


def fetch_first(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> tuple[Any, ...]:
    """The first row that the query finds. Raises LookupError if it finds none."""
    # All rows are fetched: DuckDB 2 refuses other work on a connection with an unfinished result.
    rows: list[tuple[Any, ...]] = connection.execute(query, values).fetchall()
    if not rows:
        raise LookupError(f"nothing found by: {query.strip()}")
    return rows[0]


def count(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> int:
    """The whole number that is the first column of the query's first row."""
    return int(fetch_first(connection, query, *values)[0])
