"""An installation on a disk without space is one line, and continues once there is space."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from installation.commands import FullDiskError, find_fullest
from installation.packages import install_dependencies
from tests.integration.installation.surroundings import SetAll, find_installed
from tests.support.package_index import PackageIndex
from tests.support.paths import ROOT
from tests.support.small_disks import NEEDS_ROOT, a_small_disk, remount

FULL = "#!/bin/sh\necho 'error: Failed to write to the client cache'\necho '  Caused by: {}' >&2\nexit 2\n"


def install_tools(venv: Path) -> tuple[int, list[str]]:
    """Return the exit code and the lines of errors of the installation's first step."""
    argv = [sys.executable, "-Es", "-m", "installation", str(venv), "tools"]
    ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return ended.returncode, ended.stderr.splitlines()


@NEEDS_ROOT
@pytest.mark.parametrize(
    "options",
    [
        *("size=4k,nr_inodes=1", "size=1m,nr_inodes=2", "size=1m,nr_inodes=3", "size=1m,nr_inodes=5", "size=1m,nr_inodes=8"),
        *("size=4k", "size=8k", "size=64k", "size=4m", "size=12m", "size=1g,nr_inodes=20", "size=1g,nr_inodes=400"),
    ],
)
def test_a_disk_that_is_full_while_the_environment_is_created_is_one_line(root: Path, options: str) -> None:
    with a_small_disk(root, options) as disk:
        first, again = install_tools(disk / "venv"), install_tools(disk / "venv")

        assert first == again
    code, lines = first
    assert code == 2
    assert len(lines) == 1, lines
    assert f"no space is left on the disk that holds {disk / 'venv'}, and 1 GB is needed" in lines[0]


@NEEDS_ROOT
def test_a_disk_that_is_read_only_is_one_line(root: Path) -> None:
    with a_small_disk(root, "size=1m") as disk:
        remount(disk, "ro")

        code, lines = install_tools(disk / "venv")

    assert (code, len(lines)) == (2, 1)
    assert "Read-only file system; set VENV to a folder that you can write to" in lines[0]


@NEEDS_ROOT
@pytest.mark.parametrize("options", ["size=1m,nr_inodes=3", "size=64k", "size=4m"])
def test_the_environment_is_created_once_there_is_space(root: Path, set_all: SetAll, options: str) -> None:
    set_all({"PIP_INDEX_URL": "{index}/empty"})
    with a_small_disk(root, options) as disk:
        install_tools(disk / "venv")
        remount(disk, "size=1g,nr_inodes=100000")

        _, lines = install_tools(disk / "venv")

        assert (disk / "venv" / "bin" / "pip").exists(), lines
        assert "install uv with pip" in lines[0]


@pytest.mark.parametrize("reason", ["No space left on device (os error 28)", "Disk quota exceeded (os error 122)"])
def test_pip_is_not_tried_on_a_disk_that_is_full_for_uv(
    root: Path, venv: Path, index: PackageIndex, set_all: SetAll, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    set_all({"PIP_INDEX_URL": "{index}/simple"})
    uv = venv / "bin" / "uv"
    uv.rename(kept := uv.with_name("uv.kept"))
    uv.write_text(FULL.format(reason))
    uv.chmod(0o755)

    try:
        with pytest.raises(FullDiskError, match="no space is left"):
            install_dependencies(venv, root, "requirements.lock")
    finally:
        kept.replace(uv)

    assert (index.programs, find_installed(venv)) == (set(), [])


@NEEDS_ROOT
@pytest.mark.parametrize("variable", ["TMPDIR", "UV_CACHE_DIR"])
def test_another_full_disk_than_that_of_the_environment_is_named(tmp_path: Path, variable: str) -> None:
    with a_small_disk(tmp_path, "size=64k") as disk:
        assert find_fullest(tmp_path, {variable: str(disk)}) == (disk, variable)
        assert find_fullest(disk, {variable: str(tmp_path)}) == (disk, "VENV")
        assert find_fullest(disk, {variable: "/nonexistent"}) == (disk, "VENV")


@NEEDS_ROOT
@pytest.mark.parametrize("variables", [{"TMPDIR": "{folder}/disk"}, {"XDG_CACHE_HOME": "{folder}/disk"}, {"HOME": "{folder}/disk"}])
def test_a_small_temporary_folder_or_cache_is_not_used(root: Path, venv: Path, set_all: SetAll, variables: dict[str, str]) -> None:
    with a_small_disk(root, "size=100k") as disk:
        set_all({"PIP_INDEX_URL": "{index}/simple", "XDG_CACHE_HOME": ""} | variables)

        install_dependencies(venv, root, "requirements.lock")

        assert [path for path in disk.rglob("*") if path.is_file()] == []
    assert find_installed(venv)
    assert not (venv / "cache").exists()
