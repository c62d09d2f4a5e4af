"""Stage 5: write the results as Parquet files and a chart."""

from __future__ import annotations

import calendar
from pathlib import Path
from typing import Any

import duckdb

from examples.flights import chart
from examples.flights.workspace import fetch_count, get_run_dir, open_warehouse, print_progress, print_warning

# Means of fewer flights are noise.
FEWEST_FLIGHTS = 20
PARQUET = ("flights_clean", "delays")

BY_HOUR = """
SELECT origin, hour, (sum(dep_delay_total) / sum(flights))::DOUBLE
FROM delays GROUP BY origin, hour HAVING sum(flights) >= ? ORDER BY origin, hour
"""
BY_CARRIER = """
SELECT any_value(airline), sum(flights)::BIGINT AS total, (sum(arr_delay_total) / sum(flights))::DOUBLE AS mean
FROM delays GROUP BY carrier ORDER BY total DESC, carrier LIMIT ?
"""


def main(month: int | None = None, top: int = 10, **_parameters: object) -> dict[str, Any]:
    """Write two Parquet files and a chart of the `top` busiest carriers. `records_processed` is the number of rows read back."""
    target = get_run_dir() / "export"
    target.mkdir(exist_ok=True)
    with open_warehouse() as connection:
        rows = {name: _write_parquet(connection, name, target / f"{name}.parquet") for name in PARQUET}
        picture = _draw(connection, month, top)
    drawing = target / "delays.svg"
    drawing.write_text(picture, encoding="utf-8")
    print_progress(f"{drawing.name}: {drawing.stat().st_size:,} bytes")
    print_progress(f"everything is in {target}")
    return {"records_processed": sum(rows.values()), "rows": rows, "files": sorted(str(path) for path in target.iterdir())}


def _write_parquet(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> int:
    connection.table(name).write_parquet(str(path), compression="zstd")
    rows = fetch_count(connection, "SELECT count(*) FROM read_parquet(?)", str(path))
    print_progress(f"{path.name}: {rows:,} rows, {path.stat().st_size:,} bytes")
    return rows


def _draw(connection: duckdb.DuckDBPyConnection, month: int | None, top: int) -> str:
    hours: dict[str, list[chart.Point]] = {}
    for origin, hour, mean in connection.execute(BY_HOUR, [FEWEST_FLIGHTS]).fetchall():
        hours.setdefault(origin, []).append((hour, mean))
    carriers = [chart.Carrier(*row) for row in connection.execute(BY_CARRIER, [top]).fetchall()]
    flights = fetch_count(connection, "SELECT sum(flights) FROM delays")
    print_warning(f"the chart leaves out hours in which an airport had fewer than {FEWEST_FLIGHTS} departures")
    when = f"{calendar.month_name[month]} 2013" if month else "2013"
    return chart.draw(when, flights, hours, carriers)
