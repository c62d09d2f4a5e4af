"""The five tables of the data set: their columns with explicit types, and the columns that identify a row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file and its schema. `columns` are in file order; `key` is unique and never empty."""

    name: str
    columns: dict[str, str]
    key: tuple[str, ...]

    @property
    def file(self) -> str:
        return f"{self.name}.csv"


def _columns(text: str) -> dict[str, str]:
    """Parse "name TYPE, name TYPE" into a dict."""
    return {name: " ".join(words) for name, *words in (part.split() for part in text.split(","))}


FLIGHTS = Table(
    "flights",
    _columns(
        "year SMALLINT, month TINYINT, day TINYINT, dep_time SMALLINT, sched_dep_time SMALLINT, dep_delay SMALLINT,"
        "arr_time SMALLINT, sched_arr_time SMALLINT, arr_delay SMALLINT, carrier VARCHAR, flight INTEGER, tailnum VARCHAR,"
        "origin VARCHAR, dest VARCHAR, air_time SMALLINT, distance SMALLINT, hour TINYINT, minute TINYINT, time_hour TIMESTAMPTZ"
    ),
    key=("time_hour", "carrier", "flight"),
)
WEATHER = Table(
    "weather",
    _columns(
        "origin VARCHAR, year SMALLINT, month TINYINT, day TINYINT, hour TINYINT, temp DOUBLE, dewp DOUBLE, humid DOUBLE,"
        "wind_dir SMALLINT, wind_speed DOUBLE, wind_gust DOUBLE, precip DOUBLE, pressure DOUBLE, visib DOUBLE, time_hour TIMESTAMPTZ"
    ),
    # Not year, month, day and hour: when daylight saving time ends, a local hour occurs twice.
    key=("origin", "time_hour"),
)
PLANES = Table(
    "planes",
    _columns(
        "tailnum VARCHAR, year SMALLINT, type VARCHAR, manufacturer VARCHAR, model VARCHAR,"
        "engines TINYINT, seats SMALLINT, speed SMALLINT, engine VARCHAR"
    ),
    key=("tailnum",),
)
AIRPORTS = Table(
    "airports",
    _columns("faa VARCHAR, name VARCHAR, lat DOUBLE, lon DOUBLE, alt INTEGER, tz TINYINT, dst VARCHAR, tzone VARCHAR"),
    key=("faa",),
)
AIRLINES = Table("airlines", _columns("carrier VARCHAR, name VARCHAR"), key=("carrier",))

TABLES = (FLIGHTS, WEATHER, PLANES, AIRPORTS, AIRLINES)
