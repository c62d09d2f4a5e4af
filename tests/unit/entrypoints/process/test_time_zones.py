import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

SHOW_SUMMER_TIME = """
import datetime, sys, zoneinfo
from entrypoints.cli.app import main
sys.argv = ["headgate", "--help"]
try:
    main()
except SystemExit:
    print("offset", zoneinfo.ZoneInfo("Europe/Berlin").utcoffset(datetime.datetime(2026, 7, 1)))
"""


def test_the_commands_use_the_time_zones_of_the_package_and_not_those_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Berlin").write_bytes(b"TZif" + bytes(40))  # a system without rules for Berlin

    environment = {**os.environ, "PYTHONTZPATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW_SUMMER_TIME], env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )

    assert shown.stdout.splitlines()[-1] == "offset 2:00:00", shown.stderr
