"""A failed program becomes one line that says what to do."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from installation.commands import InstallationError, describe_failure, file_error, run


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "Collecting uv\nERROR: Could not find a version that satisfies x\nERROR: No matching distribution found for uv\n",
            "No matching distribution",
        ),
        (
            "error: Failed to fetch: `https://a.example/x`\n  Caused by: dns error\n  Caused by: Name or service not known\n",
            "Name or service not known",
        ),
        (
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because x was not found in the package registry\n",
            "Because x was not found",
        ),
        ("Fatal Python error: init_fs_encoding: failed\n", "init_fs_encoding: failed"),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES.\n    x from y:\n        Expected sha256 00\n             Got        11\n",
            "THE HASHES",
        ),
        ("something else went wrong\n\n", "something else went wrong"),
        ("", "printed no reason"),
        ("error: failed to write: No space left on device (os error 28)\n", "1 GB is needed"),
        ("OSError: [Errno 122] Disk quota exceeded: 'x'\n", "1 GB is needed"),
    ],
)
def test_the_reason_is_one_line(output: str, expected: str) -> None:
    reason = describe_failure(output, Path(".venv"))

    assert expected in reason
    assert "\n" not in reason


def test_a_failure_keeps_the_whole_output_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match=r"could not do it: the end.*install\.log") as error:
        run([sys.executable, "-c", "print('all'); print('error: the end'); raise SystemExit(3)"], {}, tmp_path, "do it")

    assert "\n" not in str(error.value)
    assert (tmp_path / "install.log").read_text(encoding="utf-8") == "all\nerror: the end\n"


def test_a_failure_is_described_even_if_its_output_cannot_be_stored(tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match=r"the end$"):
        run([sys.executable, "-c", "print('error: the end'); raise SystemExit(3)"], {}, tmp_path / "missing", "do it")


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, "1 GB"), (errno.EDQUOT, "1 GB"), (errno.EACCES, "set VENV"), (errno.EROFS, "set VENV")]
)
def test_a_file_that_cannot_be_written_is_explained(number: int, expected: str) -> None:
    error = file_error(OSError(number, "the reason", ".venv/x"), Path(".venv"), "create it")

    assert expected in str(error)


def test_a_missing_program_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InstallationError, match="missing: No such file"):
        run([tmp_path / "missing"], {}, tmp_path, "do it")
