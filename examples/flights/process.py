"""Stage 3: drop cancelled and diverted flights, and join planes, weather and airports."""

from __future__ import annotations

from typing import Any

import duckdb

from examples.flights.workspace import fetch_count, fetch_first, open_warehouse, print_progress, print_warning

# Higher values in mph are measurement errors.
STRONGEST_WIND = 255

JOIN = """
CREATE OR REPLACE TABLE flights_clean AS
SELECT
    make_date(f.year, f.month, f.day) AS date, f.time_hour, f.hour, f.carrier, airlines.name AS airline, f.flight, f.tailnum,
    f.origin, departure.name AS origin_name, f.dest, arrival.name AS dest_name, f.distance, f.air_time, f.dep_delay, f.arr_delay,
    planes.manufacturer, planes.year AS built, planes.seats,
    w.temp, w.precip, w.visib, CASE WHEN w.wind_speed <= ? THEN w.wind_speed END AS wind_speed,
    w.origin IS NOT NULL AS has_weather, planes.tailnum IS NOT NULL AS has_plane
FROM flights f
LEFT JOIN airlines ON airlines.carrier = f.carrier
LEFT JOIN planes ON planes.tailnum = f.tailnum
LEFT JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
LEFT JOIN airports departure ON departure.faa = f.origin
LEFT JOIN airports arrival ON arrival.faa = f.dest
WHERE f.dep_time IS NOT NULL AND f.arr_delay IS NOT NULL
"""

DROPPED = """
SELECT count(*),
       count(*) FILTER (WHERE dep_time IS NULL),
       count(*) FILTER (WHERE dep_time IS NOT NULL AND arr_delay IS NULL)
FROM flights
"""


def main(**_parameters: object) -> dict[str, Any]:
    """Write `flights_clean`; `records_processed` is the number of flights. Raise ValueError if the joins lose or duplicate a flight."""
    with open_warehouse() as connection:
        read, cancelled, diverted = fetch_first(connection, DROPPED)
        print_progress(f"read {read:,} flights")
        print_warning(f"dropped {cancelled:,} that were cancelled, {diverted:,} that were diverted or have no arrival on record")
        connection.execute(JOIN, [STRONGEST_WIND])
        kept = fetch_count(connection, "SELECT count(*) FROM flights_clean")
        if kept != read - cancelled - diverted:
            raise ValueError(f"the joins made {kept:,} rows of {read - cancelled - diverted:,} flights: a key is not unique")
        matched = _matched(connection)
    print_progress(f"kept {kept:,} flights: {matched['weather']:,} with weather, {matched['plane']:,} with a known plane")
    return {"records_processed": kept, "read": read, "dropped": {"cancelled": cancelled, "diverted": diverted}, "matched": matched}


def _matched(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of kept flights with a match in each joined table."""
    query = "SELECT count(*) FILTER (WHERE has_weather), count(*) FILTER (WHERE has_plane), count(dest_name) FROM flights_clean"
    weather, plane, destination = fetch_first(connection, query)
    return {"weather": weather, "plane": plane, "destination": destination}
