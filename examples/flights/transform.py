"""Stage 4: aggregate the delays by carrier, origin and scheduled hour."""

from __future__ import annotations

from typing import Any

import duckdb

from examples.flights.workspace import fetch_count, fetch_first, open_warehouse, print_progress

# Sums allow exact means of coarser groups.
AGGREGATE = """
CREATE OR REPLACE TABLE delays AS
SELECT
    carrier, any_value(airline) AS airline, origin, hour, count(*) AS flights,
    sum(dep_delay) AS dep_delay_total, sum(arr_delay) AS arr_delay_total,
    round(avg(dep_delay), 2) AS dep_delay_mean, round(avg(arr_delay), 2) AS arr_delay_mean,
    median(arr_delay) AS arr_delay_median, quantile_disc(arr_delay, 0.9) AS arr_delay_p90,
    count(*) FILTER (WHERE arr_delay > 15) AS late
FROM flights_clean
GROUP BY carrier, origin, hour
ORDER BY carrier, origin, hour
"""


def main(**_parameters: object) -> dict[str, Any]:
    """Write `delays`; `records_processed` is the number of groups. Raise ValueError if a flight is in no group."""
    with open_warehouse() as connection:
        before = fetch_count(connection, "SELECT count(*) FROM flights_clean")
        print_progress(f"aggregating {before:,} flights by carrier, origin and hour")
        connection.execute(AGGREGATE)
        groups, flights, late = fetch_first(connection, "SELECT count(*), sum(flights)::BIGINT, sum(late)::BIGINT FROM delays")
        if flights != before:
            raise ValueError(f"{before:,} flights went in and {flights:,} came out")
        by_origin = _by_origin(connection)
    for origin, mean in by_origin.items():
        print_progress(f"{origin}: {mean:+.1f} min at the gate on average")
    print_progress(f"{groups:,} groups; {late:,} flights came more than 15 minutes late ({late / flights:.1%})")
    return {"records_processed": groups, "flights": flights, "late": late, "arr_delay_mean": by_origin}


def _by_origin(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """Return the mean arrival delay of each origin in minutes, the worst first."""
    query = "SELECT origin, round(sum(arr_delay_total) / sum(flights), 2) AS mean FROM delays GROUP BY origin ORDER BY mean DESC, origin"
    return {origin: float(mean) for origin, mean in connection.execute(query).fetchall()}
