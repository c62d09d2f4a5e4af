"""The tests run with longer time slices where the kernel can."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

_STATE = Path("/proc/self/sched")
_SLICE = re.compile(r"^se\.slice\s*:\s*(\d+)", re.MULTILINE)


def run_with_slices(seconds: float, *program: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.support.time_slices", str(seconds), *program]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not _STATE.exists() or not _SLICE.search(_STATE.read_text()), reason="this kernel shows no time slices")
def test_a_program_gets_its_time_slices() -> None:
    shown = run_with_slices(0.02, "cat", str(_STATE)).stdout

    assert _SLICE.findall(shown) == ["20000000"]


def test_the_exit_code_is_that_of_the_program() -> None:
    assert run_with_slices(0.01, "sh", "-c", "exit 7").returncode == 7
