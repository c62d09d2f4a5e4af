"""`headgate up` starts in a home folder of any kind, or prints one line that says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.ended_commands import assert_one_line, run_command, run_forked_command
from tests.support.ports import find_free_port
from tests.support.small_disks import NEEDS_ROOT, a_small_disk, remount
from tests.support.temporary_folders import a_temporary_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_temporary_folder() as path:
        yield path


def start_up(home: Path | str, **environment: str) -> tuple[int, str]:
    return run_forked_command("up", "--no-examples", HEADGATE_HOME=str(home), HEADGATE_PORT=str(find_free_port()), **environment)


def make_file(home: Path) -> Path:
    home.touch()
    return home


def make_dangling_link(home: Path) -> Path:
    home.symlink_to(home / "missing")
    return home


def make_link_to_missing_folder(home: Path) -> Path:
    home.symlink_to("/nonexistent/folder")
    return home


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_file, "it is not a folder"),
        (lambda home: make_file(home) / "below", "Not a directory"),
        (make_link_to_missing_folder, "a link to the missing folder /nonexistent/folder"),
        (make_dangling_link, "HEADGATE_HOME"),
        (lambda home: home / ("x" * 300), "File name too long"),
        (lambda _: "/proc/headgate", "cannot be used"),
        (lambda _: "/dev/null", "it is not a folder"),
        (lambda _: "~nosuchuser/headgate", "write an absolute path"),
    ],
)
def test_a_home_that_cannot_be_a_folder_ends_the_start(folder: Path, make: Callable[[Path], Path | str], words: str) -> None:
    assert_one_line(start_up(make(folder / "home")), "HEADGATE_HOME", words)


@pytest.mark.parametrize("name", ["secret", "up.lock", "prefect-password"])
def test_a_folder_where_a_file_belongs_ends_the_start(folder: Path, name: str) -> None:
    (folder / name).mkdir()

    result = start_up(
        folder, HEADGATE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x", HEADGATE_PREFECT_DATABASE_URL="postgresql://127.0.0.1:1/x"
    )

    assert_one_line(result)


@pytest.mark.parametrize("name", ["postgres", "logs"])
def test_a_file_where_a_folder_belongs_ends_the_start(folder: Path, name: str) -> None:
    (folder / name).touch()

    assert_one_line(start_up(folder), str(folder / name), "HEADGATE_HOME")


@NEEDS_ROOT
@pytest.mark.parametrize(
    "options", ["size=40m", "size=5m", "size=100m", "size=150m", "size=1g,nr_inodes=1", "size=1g,nr_inodes=3", "size=1g,nr_inodes=20"]
)
def test_a_small_disk_ends_the_start(folder: Path, options: str) -> None:
    with a_small_disk(folder, options) as disk:
        result = start_up(disk)

    assert_one_line(result, str(disk), "HEADGATE_HOME")
    assert "free" in result[1].lower()


@NEEDS_ROOT
def test_a_full_disk_ends_the_start(folder: Path) -> None:
    with a_small_disk(folder, "size=1m") as disk:
        (disk / "other").write_bytes(bytes(1 << 20))

        assert_one_line(start_up(disk), "no space is left on its disk")


@NEEDS_ROOT
def test_a_read_only_disk_ends_the_start(folder: Path) -> None:
    with a_small_disk(folder, "size=1m") as disk:
        remount(disk, "ro")

        assert_one_line(start_up(disk), "Read-only file system", "HEADGATE_HOME")


@pytest.mark.parametrize("command", [["up"], ["web"], ["worker"], ["config"], ["status"], ["prune"], ["worker-token"]])
def test_a_working_directory_that_is_gone_ends_each_command(tmp_path: Path, command: list[str]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()

    result = run_command(*command, cwd=gone, before=lambda: shutil.rmtree(gone), HEADGATE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")

    assert_one_line(result, "the current folder no longer exists; change to another folder")
