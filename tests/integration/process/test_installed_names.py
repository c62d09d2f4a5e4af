"""Installed packages with the names of Headgate's own do not hide them from the `headgate` command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# What the script that pip creates for `headgate` does, after the interpreter has found site-packages with such a package.
SCRIPT = """
import importlib.util, sys
sys.path.insert(0, sys.argv.pop(1))
spec = importlib.util.spec_from_file_location("headgate", sys.argv.pop(1))
headgate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(headgate)
headgate.main()
"""


@pytest.mark.parametrize("name", ["domain", "application", "adapters", "entrypoints", "examples"])
@pytest.mark.parametrize("file", ["{}.py", "{}/__init__.py"])
def test_an_installed_package_does_not_hide_headgates(tmp_path: Path, name: str, file: str) -> None:
    installed = tmp_path / file.format(name)
    installed.parent.mkdir(exist_ok=True)
    installed.write_text("raise SystemExit('the wrong package')\n")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH" and not key.startswith("HEADGATE_")}

    ended = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, str(tmp_path), str(ROOT / "headgate.py"), "config"],
        env=environment | {"HEADGATE_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "HEADGATE_HOME" in ended.stdout
