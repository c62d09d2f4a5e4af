"""Files with generated secrets, whole and damaged."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.persistence.embedded.errors import EmbeddedServerError
from adapters.persistence.embedded.postmaster import check_lock_files, clear_stale_pids, is_server_running
from adapters.secret_file import SecretFileError, read_or_create_secret

OLD_FORMAT = "x" * 64
"""A secret of release 0.2, which wrote no newline."""


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_new_secret_is_stored_whole_and_private_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret"

    created = read_or_create_secret(path)

    assert read_or_create_secret(path) == created
    assert path.read_text() == f"{created}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("content", [OLD_FORMAT.encode(), b"a secret of an operator".replace(b" ", b"-") * 2 + b"\n"])
def test_a_secret_without_newline_of_the_old_length_and_one_of_any_length_with_newline_are_whole(tmp_path: Path, content: bytes) -> None:
    assert read_or_create_secret(write(tmp_path / "secret", content)) == content.decode().strip()


def test_a_file_that_was_cut_at_any_length_is_refused_or_still_the_whole_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    created = read_or_create_secret(path)
    whole = path.read_bytes()

    for length in range(len(whole)):
        write(path, whole[:length])
        if length == len(created):
            assert read_or_create_secret(path) == created
            continue
        with pytest.raises(SecretFileError, match="must contain one secret") as refused:
            read_or_create_secret(path)
        assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


def make_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    "make",
    [
        make_folder,
        make_dangling_link,
        make_pipe,
        lambda path: write(path, b""),
        lambda path: write(path, b"\n"),
        lambda path: write(path, bytes(range(256)) + b"\n"),
        lambda path: write(path, b"\0" * 64),
        lambda path: write(path, b"short\n"),
        lambda path: write(path, OLD_FORMAT.encode(), 0o644),
        lambda path: write(path, OLD_FORMAT.encode(), 0o640),
        lambda path: write(path, OLD_FORMAT.encode(), 0o602),
    ],
)
def test_a_file_that_is_no_private_secret_is_refused_in_one_line_that_names_it(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "secret"
    make(path)

    with pytest.raises(SecretFileError) as refused:
        read_or_create_secret(path)

    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"garbage\n1\n", b"\xff\xfe\0", b"0\n", b"99999999999999999999\n/data\n"])
def test_a_damaged_lock_file_of_postgresql_is_named(tmp_path: Path, content: bytes) -> None:
    write(tmp_path / "postmaster.pid", content)

    assert not is_server_running(tmp_path)
    with pytest.raises(EmbeddedServerError, match=r"postmaster\.pid is damaged"):
        check_lock_files(tmp_path, tmp_path / "socket")


def test_a_folder_in_place_of_the_lock_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").mkdir()

    with pytest.raises(EmbeddedServerError, match=r"postmaster\.pid is damaged"):
        check_lock_files(tmp_path, tmp_path / "socket")


@pytest.mark.parametrize("rest", ["", "\n", "\n/data\n"])
def test_the_pid_of_another_process_is_replaced(tmp_path: Path, rest: str) -> None:
    write(tmp_path / "postmaster.pid", f"{os.getpid()}{rest}".encode())

    check_lock_files(tmp_path, tmp_path / "socket")
    clear_stale_pids(tmp_path, tmp_path / "socket")

    assert not is_server_running(tmp_path)
    assert (tmp_path / "postmaster.pid").read_text().split("\n")[0] != str(os.getpid())
