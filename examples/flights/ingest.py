"""Stage 2: load the files into DuckDB with explicit types, and check columns, row counts and keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from examples.flights.tables import FLIGHTS, TABLES, Table
from examples.flights.workspace import WAREHOUSE, connect, fetch_count, get_run_dir, print_progress, print_warning

# References between tables. The data set has some without a target, so they are reported, not rejected.
REFERENCES = (
    ("flights", "carrier", "airlines", "carrier"),
    ("flights", "origin", "airports", "faa"),
    ("flights", "dest", "airports", "faa"),
    ("flights", "tailnum", "planes", "tailnum"),
)


def main(month: int | None = None, **_parameters: object) -> dict[str, Any]:
    """Load all tables. Keep the flights of `month`, or all. `records_processed` is the number of flights kept. Safe to repeat."""
    raw = get_run_dir() / "raw"
    manifest = json.loads((raw / "manifest.json").read_text())
    partial = get_run_dir() / f"{WAREHOUSE}.partial"
    _clear(partial)
    with connect(partial) as connection:
        rows = {table.name: _load(connection, table, raw, manifest[table.file]["records"]) for table in TABLES}
        if month is not None:
            rows["flights"] = _keep_month(connection, month)
        dangling = _dangling(connection)
    _clear(get_run_dir() / WAREHOUSE)
    partial.replace(get_run_dir() / WAREHOUSE)
    print_progress(f"ingested {rows['flights']:,} flights")
    return {"records_processed": rows["flights"], "rows": rows, "dangling": dangling, "month": month}


def _clear(database: Path) -> None:
    """Remove the files of a killed attempt: DuckDB would replay its log into the new file."""
    for path in (database, database.with_name(f"{database.name}.wal")):
        path.unlink(missing_ok=True)


def _load(connection: duckdb.DuckDBPyConnection, table: Table, raw: Path, expected: int) -> int:
    path = raw / table.file
    _check_header(path, table)
    declared = ", ".join(f"{name} {type_}" for name, type_ in table.columns.items())
    connection.execute(f"CREATE TABLE {table.name} ({declared})")
    reader = "read_csv(?, header = true, auto_detect = false, delim = ',', quote = '\"', nullstr = ['', 'NA'], columns = ?)"
    connection.execute(f"INSERT INTO {table.name} SELECT * FROM {reader}", [str(path), table.columns])
    rows = fetch_count(connection, f"SELECT count(*) FROM {table.name}")
    if rows != expected:
        raise ValueError(f"{table.name}: {rows:,} rows loaded, but {expected:,} records were extracted")
    _check_types(connection, table)
    _check_key(connection, table)
    print_progress(f"{table.name}: {rows:,} rows, {len(table.columns)} typed columns, key ({', '.join(table.key)}) is unique")
    return rows


def _check_header(path: Path, table: Table) -> None:
    with path.open(encoding="utf-8") as text:
        found = text.readline().strip().split(",")
    if found != list(table.columns):
        raise ValueError(f"{path.name}: columns {found} where {list(table.columns)} were expected")


def _check_types(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    query = "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index"
    stored = dict(connection.execute(query, [table.name]).fetchall())
    expected = {name: type_.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for name, type_ in table.columns.items()}
    if stored != expected:
        raise ValueError(f"{table.name}: stored as {stored}, not as {expected}")


def _check_key(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    empty = " OR ".join(f"{column} IS NULL" for column in table.key)
    if missing := fetch_count(connection, f"SELECT count(*) FROM {table.name} WHERE {empty}"):
        raise ValueError(f"{table.name}: {missing:,} rows have no {' or '.join(table.key)}")
    key = ", ".join(table.key)
    if twice := fetch_count(connection, f"SELECT count(*) FROM (SELECT 1 FROM {table.name} GROUP BY {key} HAVING count(*) > 1)"):
        raise ValueError(f"{table.name}: {twice:,} values of ({key}) occur more than once")


def _keep_month(connection: duckdb.DuckDBPyConnection, month: int) -> int:
    connection.execute("DELETE FROM flights WHERE month <> ?", [month])
    kept = fetch_count(connection, "SELECT count(*) FROM flights")
    print_progress(f"{FLIGHTS.name}: {kept:,} rows kept, those of month {month}")
    return kept


def _dangling(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of references without a target, by column. Empty references are not counted."""
    found = {}
    for table, column, other, key in REFERENCES:
        query = f"SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND {column} NOT IN (SELECT {key} FROM {other})"
        found[column] = fetch_count(connection, query)
        if found[column]:
            print_warning(f"warning: {found[column]:,} {table} have a {column} that is not in {other}")
    return found
