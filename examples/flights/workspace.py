"""Shared by the five stages: the run's directory, the DuckDB file in it, and progress output."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import duckdb

WAREHOUSE = "warehouse.duckdb"


def get_run_dir() -> Path:
    """Return the directory that all stages of this run share. Raise RuntimeError outside a run."""
    directory = os.environ.get("HEADGATE_RUN_DIR")
    if not directory:
        raise RuntimeError("HEADGATE_RUN_DIR is not set: let Headgate start this stage, or try python -m examples.flights.run")
    return Path(directory)


def print_progress(line: str) -> None:
    """Print a line and flush it, so that it appears while the stage runs."""
    print(line, flush=True)


def print_warning(line: str) -> None:
    """Print a line to stderr; the stage continues."""
    print(line, file=sys.stderr, flush=True)


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file with two threads, 512 MB of memory, UTC, and temporary files next to it."""
    connection = duckdb.connect(str(path), config={"threads": 2, "memory_limit": "512MB", "temp_directory": f"{path}.tmp"})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def open_warehouse() -> duckdb.DuckDBPyConnection:
    """Open the file that `ingest` loaded. Raise FileNotFoundError if this worker did not run `ingest`."""
    path = get_run_dir() / WAREHOUSE
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: the stage ingest has to run on this worker first")
    return connect(path)


def fetch_first(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> tuple[Any, ...]:
    """Return the query's first row. Raise LookupError if there is none."""
    # Fetch all rows: DuckDB 2 refuses other statements while a result is unfinished.
    rows: list[tuple[Any, ...]] = connection.execute(query, values).fetchall()
    if not rows:
        raise LookupError(f"no rows for: {query.strip()}")
    return rows[0]


def fetch_count(connection: duckdb.DuckDBPyConnection, query: str, *values: object) -> int:
    """Return the first column of the query's first row as an int."""
    return int(fetch_first(connection, query, *values)[0])
