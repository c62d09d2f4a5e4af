"""Run the five stages without Headgate, in a temporary directory: `python -m examples.flights.run [--month 7] [--keep DIRECTORY]`."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from examples.flights import export, extract, ingest, process, transform

STAGES = {"extract": extract.main, "ingest": ingest.main, "process": process.main, "transform": transform.main, "export": export.main}


def run_all(directory: Path, **parameters: object) -> dict[str, dict[str, Any]]:
    """Run the stages in order in `directory`. Return each stage's output by name. Restore the environment afterwards."""
    before = os.environ.get("HEADGATE_RUN_DIR")
    os.environ["HEADGATE_RUN_DIR"] = str(directory)
    try:
        return {name: _timed(name, stage, parameters) for name, stage in STAGES.items()}
    finally:
        os.environ.pop("HEADGATE_RUN_DIR")
        if before is not None:
            os.environ["HEADGATE_RUN_DIR"] = before


def _timed(name: str, stage: Any, parameters: dict[str, object]) -> dict[str, Any]:
    print(f"== {name}", flush=True)
    started = time.monotonic()
    output: dict[str, Any] = stage(**parameters)
    print(f"== {name}: {output['records_processed']:,} records in {time.monotonic() - started:.2f} s", flush=True)
    return output


def main() -> None:
    """Parse the arguments and run. Delete the files afterwards unless --keep is given."""
    parser = argparse.ArgumentParser(prog="python -m examples.flights.run", description="Run the flights pipeline without Headgate.")
    parser.add_argument("--month", type=int, choices=range(1, 13), metavar="1-12", help="only this month's flights")
    parser.add_argument("--top", type=int, default=10, help="carriers in the chart (10)")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="work here and leave the files; else a temporary directory")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flights-") as temporary:
        directory = chosen.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        run_all(directory, month=chosen.month, top=chosen.top)


if __name__ == "__main__":
    main()
