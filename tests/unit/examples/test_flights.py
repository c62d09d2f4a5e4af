"""Run the pipeline on the real files and compare with numbers computed by the csv module alone."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.examples.test_definitions import ROOT, by_name

SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class ExpectedNumbers:
    """Numbers computed from the files without DuckDB."""

    rows: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    diverted: int = 0
    late: int = 0
    months: Counter[str] = field(default_factory=Counter)
    groups: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    arrival: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    tailnums: Counter[str] = field(default_factory=Counter)
    hours: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def kept(self) -> int:
        return self.groups.total()

    def add(self, flight: dict[str, str]) -> None:
        self.months[flight["month"]] += 1
        if flight["dep_time"] in {"", "NA"}:
            self.cancelled += 1
        elif flight["arr_delay"] in {"", "NA"}:
            self.diverted += 1
        else:
            group = (flight["carrier"], flight["origin"], int(flight["hour"]))
            self.groups[group] += 1
            self.arrival[group] += int(flight["arr_delay"])
            self.late += int(flight["arr_delay"]) > 15
            self.tailnums[flight["tailnum"]] += 1
            self.hours[flight["origin"], flight["time_hour"]] += 1


@pytest.fixture(scope="module")
def data() -> Path:
    """The folder of the real files. The import imports DuckDB, which only the process of these tests needs."""
    from examples.flights.extract import find_data_folder

    return find_data_folder()


@pytest.fixture(scope="module")
def expected(data: Path) -> ExpectedNumbers:
    found = ExpectedNumbers()
    with zipfile.ZipFile(data / "flights.csv.zip") as packed, packed.open("flights.csv") as member:
        for flight in csv.DictReader(io.TextIOWrapper(member, "utf-8", newline="")):
            found.add(flight)
    found.rows["flights"] = found.months.total()
    for name in ("weather", "planes", "airports", "airlines"):
        with (data / f"{name}.csv").open(newline="", encoding="utf-8") as text:
            found.rows[name] = sum(1 for _ in csv.DictReader(text))
    return found


@pytest.fixture(scope="module")
def whole_year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Any]]]:
    from examples.flights.run import run_all

    directory = tmp_path_factory.mktemp("flights")
    return directory, run_all(directory)


def query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    import duckdb

    with duckdb.connect() as connection:
        return connection.execute(statement, [str(path)]).fetchall()


def column(data: Path, name: str) -> set[Any]:
    with (data / f"{name}.csv").open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    return {row["tailnum"] for row in rows} if name == "planes" else {(row["origin"], row["time_hour"]) for row in rows}


def test_every_stage_reports_the_correct_count(whole_year: tuple[Path, dict[str, Any]], expected: ExpectedNumbers) -> None:
    _, outputs = whole_year

    assert expected.rows["flights"] == 336_776
    assert {name: output["records_processed"] for name, output in outputs.items()} == {
        "extract": expected.rows.total(),
        "ingest": expected.rows["flights"],
        "process": expected.kept,
        "transform": len(expected.groups),
        "export": expected.kept + len(expected.groups),
    }
    assert list(outputs) == [stage["name"] for stage in by_name("flights")["stages"]]


def test_every_table_is_loaded_completely(whole_year: tuple[Path, dict[str, Any]], expected: ExpectedNumbers) -> None:
    assert whole_year[1]["ingest"]["rows"] == dict(expected.rows)


def test_dropped_flights_are_counted_by_reason(whole_year: tuple[Path, dict[str, Any]], expected: ExpectedNumbers) -> None:
    assert whole_year[1]["process"]["dropped"] == {"cancelled": expected.cancelled, "diverted": expected.diverted}


def test_the_joins_find_every_match(whole_year: tuple[Path, dict[str, Any]], data: Path, expected: ExpectedNumbers) -> None:
    matched = whole_year[1]["process"]["matched"]

    planes, measured = column(data, "planes"), column(data, "weather")
    assert matched["plane"] == sum(count for tailnum, count in expected.tailnums.items() if tailnum in planes)
    assert matched["weather"] == sum(count for hour, count in expected.hours.items() if hour in measured)


def test_the_parquet_file_of_delays_has_every_group_and_its_minutes(
    whole_year: tuple[Path, dict[str, Any]], expected: ExpectedNumbers
) -> None:
    path = whole_year[0] / "export" / "delays.parquet"

    rows = query(path, "SELECT carrier, origin, hour, flights, arr_delay_total::BIGINT, late FROM read_parquet(?)")

    assert {tuple(row[:3]): row[3] for row in rows} == dict(expected.groups)
    assert {tuple(row[:3]): row[4] for row in rows} == {group: expected.arrival[group] for group in expected.groups}
    assert sum(row[5] for row in rows) == expected.late


def test_the_parquet_file_of_flights_is_clean(whole_year: tuple[Path, dict[str, Any]], expected: ExpectedNumbers) -> None:
    path = whole_year[0] / "export" / "flights_clean.parquet"

    counts = query(path, "SELECT count(*), count(arr_delay), count(airline), count(origin_name), max(wind_speed) FROM read_parquet(?)")

    rows, delays, airlines, origins, strongest = counts[0]

    assert rows == delays == airlines == origins == expected.kept
    assert strongest < 100


def test_the_chart_is_well_formed_and_labelled(whole_year: tuple[Path, dict[str, Any]], expected: ExpectedNumbers) -> None:
    root = ET.parse(whole_year[0] / "export" / "delays.svg").getroot()
    words = [text.text for text in root.iter(f"{SVG}text")]

    assert root.tag == f"{SVG}svg"
    assert root.findtext(f"{SVG}title") == "Delays out of New York City, 2013"
    assert len(list(root.iter(f"{SVG}polyline"))) == 3
    assert sum(shape.get("class") in {"bar", "early"} for shape in root.iter(f"{SVG}rect")) == 10
    assert {"Mean departure delay, minutes", "Scheduled hour of departure, local time", "Newark", "JFK", "LaGuardia"} <= set(words)
    assert any(f"{expected.kept:,} flights" in word for word in words if word)
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")


def test_one_month_runs_alone_in_a_terminal(tmp_path: Path, expected: ExpectedNumbers) -> None:
    command = [sys.executable, "-m", "examples.flights.run", "--month", "2", "--top", "3", "--keep", str(tmp_path)]

    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert finished.returncode == 0, finished.stderr
    assert f"== ingest: {expected.months['2']:,} records" in finished.stdout
    assert "were cancelled" in finished.stderr
    assert "February 2013" in (tmp_path / "export" / "delays.svg").read_text(encoding="utf-8")
