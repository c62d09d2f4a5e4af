"""`make run` installs what is missing or no longer fits, and only that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.paths import ROOT

VERSION = "{}.{}".format(*sys.version_info[:2])
MAKE_VARIABLES = ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "PYTHON", "VENV", "ARGS")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a complete installation whose Python is this one."""
    folder = tmp_path / "it's a #1 clone é"
    (folder / ".venv" / "bin").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-tools.lock", "requirements-test.lock"):
        shutil.copy(ROOT / name, folder)
    (folder / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (folder / ".venv" / "location").write_text(f"{folder.resolve()}\n{VERSION}\n")
    for part in ("tools", "run", "test"):
        (folder / ".venv" / f"{part}.stamp").touch()
    return folder


def list_installed(folder: Path, *arguments: str, target: str = "run", **environment: str) -> list[str]:
    """Return the parts that `make` would install."""
    inherited = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    argv = ["make", "--dry-run", target, *arguments]
    done = subprocess.run(argv, cwd=folder, env=inherited | environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split()[-1] for line in done.stdout.splitlines() if "-m installation" in line]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"PYTHON": sys.executable},
        {"PYTHONHOME": "/nonexistent"},
        {"PYTHONHOME": "/nonexistent", "PYTHON": sys.executable},
        {"PYTHONPATH": "/nonexistent", "PYTHONWARNINGS": "error"},
        {"LC_ALL": "C"},
        {"LC_ALL": "xx_XX.UTF-8", "PWD": "/nonexistent"},
        {"PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "VIRTUAL_ENV": "/nonexistent"},
        {"HOME": "/nonexistent"},
    ],
)
@pytest.mark.parametrize("target", ["run", "test"])
def test_nothing_is_installed_again_in_other_surroundings(checkout: Path, target: str, variables: dict[str, str]) -> None:
    assert list_installed(checkout, target=target, **variables) == []


def test_nothing_is_installed_again_by_way_of_a_link(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(checkout)

    assert list_installed(tmp_path / "link") == []


def lose_python(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "python").unlink()


def break_python(checkout: Path) -> None:
    lose_python(checkout)
    (checkout / ".venv" / "bin" / "python").symlink_to("/nonexistent/python3")


def lose_location(checkout: Path) -> None:
    (checkout / ".venv" / "location").unlink()


def empty_location(checkout: Path) -> None:
    (checkout / ".venv" / "location").write_text("")


def have_longer_location(checkout: Path) -> None:
    (checkout / ".venv" / "location").write_text(f"{checkout.resolve()}2\n{VERSION}\n")


def have_similar_location(checkout: Path) -> None:
    (checkout / ".venv" / "location").write_text(f"{str(checkout.resolve()).replace('#', '.')}\n{VERSION}\n")


def lose_tools(checkout: Path) -> None:
    (checkout / ".venv" / "tools.stamp").unlink()


@pytest.mark.parametrize(
    "change", [lose_python, break_python, lose_location, empty_location, have_longer_location, have_similar_location, lose_tools]
)
def test_everything_is_installed_again_after_a_change(checkout: Path, change: Callable[[Path], None]) -> None:
    change(checkout)

    assert list_installed(checkout) == ["tools", "run"]


def test_everything_is_installed_again_after_the_folder_was_renamed(checkout: Path) -> None:
    renamed = checkout.rename(checkout.with_name("renamed"))

    assert list_installed(renamed, target="test") == ["tools", "run", "test"]


def test_everything_is_installed_again_for_another_python(checkout: Path) -> None:
    (checkout / ".venv" / "location").write_text(f"{checkout.resolve()}\n3.10\n")

    assert list_installed(checkout) == []
    assert list_installed(checkout, f"PYTHON={sys.executable}") == ["tools", "run"]


@pytest.mark.parametrize(("file", "parts"), [("requirements.lock", ["run"]), ("pyproject.toml", ["run"]), ("requirements-test.lock", [])])
def test_a_changed_lock_is_installed(checkout: Path, file: str, parts: list[str]) -> None:
    os.utime(checkout / file, (4_000_000_000, 4_000_000_000))

    assert list_installed(checkout) == parts


@pytest.mark.parametrize("python", ["/nonexistent/python3", "python2", "false", "/bin/true --", ""])
def test_a_python_that_does_not_start_ends_with_one_line(checkout: Path, python: str) -> None:
    lose_python(checkout)
    inherited = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}

    done = subprocess.run(
        ["make", "run", f"PYTHON={python}"], cwd=checkout, env=inherited, capture_output=True, text=True, timeout=60, check=False
    )

    lines = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert done.returncode == 2
    assert lines == ["headgate: Python 3.11 or newer is required; set PYTHON=/path/to/python3"]
