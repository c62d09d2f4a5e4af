"""`headgate up` with real processes and a real PostgreSQL; web, worker and Prefect are stand-ins."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.system.network import find_free_port
from tests.support.postgres import a_temporary_folder

SECONDS = 60.0


class Running:
    """One `up` in its own folder, and what can be seen of it from outside."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.home, self.environment = folder, folder / "home", environment
        self.port = find_free_port()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
        argv = [sys.executable, "-m", "tests.integration.supervisor.stand_in_program", str(self.home), str(self.port)]
        with (self.folder / "said").open("a") as said:
            environment = kept | {"NOTES": str(self.folder)} | self.environment
            self.process = subprocess.Popen(argv, env=environment, stdout=said, stderr=said, text=True, start_new_session=True)
        return self.process

    def notes(self) -> list[str]:
        path = self.folder / "notes"
        return [line.split(" ", 1)[1] for line in path.read_text().splitlines()] if path.exists() else []

    def pids(self, name: str) -> list[int]:
        return [int(line.split()[2]) for line in self.notes() if line.startswith(f"{name} begin")]

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def ready(self) -> bool:
        return "ready: open" in self.said() and "Prefect ready" in self.said()

    def processes(self) -> list[str]:
        """The command lines of every live process that names this folder, in its arguments or its environment."""
        needle, found = os.fsencode(self.folder), []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if command and (needle in command or needle in environment):
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def eventually(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not in time; it said:\n{self.said()}\n{self.processes()}"
            time.sleep(0.05)


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_temporary_folder() as path:
        yield path


@pytest.fixture
def running(folder: Path) -> Iterator[Running]:
    one = Running(folder)
    yield one
    clean_up(one)


def clean_up(one: Running) -> None:
    if one.process is not None and one.process.poll() is None:
        one.process.send_signal(signal.SIGTERM)
        try:
            one.process.wait(30)
        except subprocess.TimeoutExpired:
            one.process.kill()
            one.process.wait()
    if any("postgres" in line for line in one.processes()):
        server = EmbeddedPostgres(one.home)
        server.start()
        server.stop()


def interrupted(one: Running, number: signal.Signals = signal.SIGINT) -> int:
    assert one.process is not None
    one.process.send_signal(number)
    return one.process.wait(30)


def test_it_starts_everything_and_says_where_to_click(running: Running) -> None:
    running.start()
    running.eventually(running.ready)

    assert httpx.get(f"http://127.0.0.1:{running.port}/livez").status_code == 200
    assert f"ready: open http://127.0.0.1:{running.port}" in running.said()
    begun = [line.split()[0] for line in running.notes()]
    assert begun[0] == "migrated" and set(begun[1:]) == {"web", "worker", "prefect"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_all_in_order_and_leaves_no_process(running: Running, number: signal.Signals) -> None:
    running.start()
    running.eventually(running.ready)

    code = interrupted(running, number)

    assert code == 0
    assert [line for line in running.notes() if line.endswith(" end")] == ["worker end", "web end", "prefect end"]
    assert running.said().rstrip().endswith("PostgreSQL stopped")
    assert running.processes() == []


def test_killed_outright_only_postgresql_survives_and_the_next_start_adopts_it(running: Running) -> None:
    first = running.start()
    running.eventually(running.ready)

    first.kill()
    first.wait()

    running.eventually(lambda: all("postgres" in line for line in running.processes()), seconds=15)
    assert running.processes(), "PostgreSQL is gone too"
    (running.folder / "said").write_text("")
    running.start()
    running.eventually(running.ready)
    assert "adopted" in running.said()
    assert interrupted(running) == 0
    assert running.processes() == []


@pytest.mark.parametrize("name", ["web", "worker", "prefect"])
def test_a_child_that_dies_is_started_again_and_a_line_says_so(running: Running, name: str) -> None:
    running.start()
    running.eventually(running.ready)

    os.kill(running.pids(name)[-1], signal.SIGKILL)

    running.eventually(lambda: len(running.pids(name)) == 2)
    assert f"{name} " in running.said() and "starting it again in 0.5 s" in running.said()


def test_a_killed_guard_leaves_no_second_prefect(running: Running) -> None:
    running.start()
    running.eventually(running.ready)
    old = running.pids("prefect")[-1]
    guard = int(Path(f"/proc/{old}/stat").read_text().rsplit(")", 1)[1].split()[1])

    os.kill(guard, signal.SIGKILL)

    running.eventually(lambda: len(running.pids("prefect")) == 2)
    running.eventually(lambda: not Path(f"/proc/{old}").exists())


def test_postgresql_that_dies_is_started_again(running: Running) -> None:
    running.start()
    running.eventually(running.ready)
    pid = int((running.home / "postgres/data/postmaster.pid").read_text().split()[0])

    os.kill(pid, signal.SIGKILL)

    running.eventually(lambda: "PostgreSQL ready again" in running.said())


def test_a_child_that_ignores_the_stop_is_killed_in_time(folder: Path) -> None:
    one = Running(folder, STUBBORN="worker")
    try:
        one.start()
        one.eventually(one.ready)
        began = time.monotonic()

        code = interrupted(one)

        assert code == 0 and time.monotonic() - began < 30
        assert "worker does not end: killed" in one.said()
        assert one.processes() == []
    finally:
        clean_up(one)


def test_a_second_interrupt_hurries(folder: Path) -> None:
    one = Running(folder, STUBBORN="worker")
    try:
        process = one.start()
        one.eventually(one.ready)
        process.send_signal(signal.SIGINT)
        one.eventually(lambda: "worker end" in one.notes())
        began = time.monotonic()

        assert interrupted(one) == 0

        assert time.monotonic() - began < 5
        assert one.processes() == []
    finally:
        clean_up(one)


def test_an_interrupt_while_postgresql_is_being_made_leaves_nothing(running: Running) -> None:
    running.start()
    running.eventually(lambda: "starting PostgreSQL" in running.said())

    assert interrupted(running) == 0

    assert running.processes() == []


def test_a_taken_port_is_one_line_and_nothing_is_started(running: Running) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        running.port = taken.getsockname()[1]

        code = running.start().wait(SECONDS)

    assert code == 2
    assert running.said() == f"headgate: Port {running.port} on 127.0.0.1 is taken; stop what uses it, or set HEADGATE_PORT.\n"
    assert not (running.home / "postgres").exists()


def test_a_second_up_on_the_same_home_is_one_line(running: Running, folder: Path) -> None:
    process = running.start()
    running.eventually(running.ready)
    other_folder = folder / "other"
    other_folder.mkdir()
    second = Running(other_folder)
    second.home = running.home

    code = second.start().wait(SECONDS)

    assert code == 2
    assert second.said().count("\n") == 1 and f"already runs with the home {running.home} (pid {process.pid})" in second.said()


def test_data_that_cannot_be_served_is_one_line(running: Running) -> None:
    data = running.home / "postgres/data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    (running.home / "postgres/password").write_text("x")
    if os.geteuid() == 0:
        import pwd

        os.chown(data, pwd.getpwnam("nobody").pw_uid, -1)
        data.chmod(0o700)

    code = running.start().wait(SECONDS)

    assert code == 2
    assert running.said().splitlines()[-1].startswith("headgate: The data directory")


def test_no_secret_is_in_a_command_line(running: Running) -> None:
    running.start()
    running.eventually(running.ready)

    commands = " ".join(running.processes())

    assert len(running.processes()) >= 5
    for secret in ("secret", "prefect-password", "postgres/password"):
        assert (running.home / secret).read_text().strip() not in commands
        assert oct((running.home / secret).stat().st_mode & 0o777) == "0o600"
