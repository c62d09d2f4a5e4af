"""The wheel contains all that Headgate needs in one package, and the sdist makes the same wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.first_runs.checkout import complete_first_run, running
from tests.first_runs.wheel import build
from tests.support.page_blocks import Block
from tests.support.paths import ROOT
from tests.support.ports import find_free_port

FOLDERS = ("adapters", "alembic", "application", "domain", "entrypoints", "examples")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_every_file_of_the_program_in_its_one_package(wheel: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", *FOLDERS, "alembic.ini"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    own = {"headgate.pth", "headgate/__init__.py", "headgate/__main__.py"}
    shared = {f"share/headgate/{path.relative_to(ROOT / 'deploy')}" for path in (ROOT / "deploy").rglob("*") if path.is_file()}

    names = {name.partition(".data/data/")[2] or name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert names == own | shared | {f"headgate/{name}" for name in tracked.splitlines()}


def test_the_wheel_names_its_licence_and_its_extra(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/METADATA"))

    assert "License-Expression: Apache-2.0" in metadata
    assert "Provides-Extra: examples" in metadata
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in archive.namelist())


def test_the_sdist_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.2, Debian's, has no argument `filter`
        archive.extractall(tmp_path)
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())

    again = build("wheel", tmp_path, source)

    assert read_files(again) == read_files(wheel)


def test_the_commands_of_the_readme_build_install_and_start_headgate(wheel: Path, tmp_path: Path, blocks: list[Block]) -> None:
    (block,) = blocks
    make, install, start = block.text.splitlines()
    assert make == "make wheel" and find_recipe("wheel") == "-m hatchling build -d dist", "the first fixture runs what `make wheel` runs"
    (tmp_path / "dist").symlink_to(wheel.parent)
    own = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin"), "UV_PYTHON": sys.executable}
    own |= {"PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}", "HEADGATE_PORT": str(find_free_port())}
    environment = os.environ | own

    subprocess.run(["sh", "-c", install], cwd=tmp_path, env=environment, check=True, capture_output=True)
    with running(["sh", "-c", f"exec {start}"], tmp_path, environment, os.geteuid()) as process:
        complete_first_run(f"http://127.0.0.1:{own['HEADGATE_PORT']}", process)


def find_recipe(target: str) -> str:
    """Return the command of a target of the Makefile that runs hatchling, without the Python that runs it."""
    printed = subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return next(line for line in printed.splitlines() if "hatchling" in line).partition("/bin/python ")[2]


def read_files(wheel: Path) -> dict[str, bytes]:
    archive = zipfile.ZipFile(wheel)
    return {name: archive.read(name) for name in archive.namelist()}
