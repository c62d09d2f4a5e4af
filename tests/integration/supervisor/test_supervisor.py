"""`headgate up` with real processes and a real PostgreSQL. The web, the worker and Prefect are stand-ins."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.clusters import Contents, copy_cluster
from tests.support.ports import find_free_port
from tests.support.temporary_folders import a_temporary_folder
from tests.support.waiting import wait_for

SECONDS = 60.0


class RunningSupervisor:
    """One `headgate up` in its own folder, observed from outside."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.home, self.environment = folder, folder / "home", environment
        self.port = find_free_port()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> subprocess.Popen[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
        argv = [sys.executable, "-m", "tests.integration.supervisor.stand_in_program", str(self.home), str(self.port)]
        with (self.folder / "output").open("a") as output:
            environment = inherited | {"EVENTS_FOLDER": str(self.folder)} | self.environment
            self.process = subprocess.Popen(argv, env=environment, stdout=output, stderr=output, text=True, start_new_session=True)
        return self.process

    def events(self) -> list[str]:
        path = self.folder / "events"
        return [line.split(" ", 1)[1] for line in path.read_text().splitlines()] if path.exists() else []

    def pids(self, name: str) -> list[int]:
        return [int(line.split()[2]) for line in self.events() if line.startswith(f"{name} begin")]

    def read_output(self) -> str:
        return (self.folder / "output").read_text()

    def is_ready(self) -> bool:
        return "ready: open" in self.read_output() and "Prefect ready" in self.read_output() and self.pids("worker") != []

    def find_processes(self) -> list[str]:
        """Return the command line of every live process that names this folder in its arguments or environment."""
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

    def wait_until(self, condition: Callable[[], bool], seconds: float = SECONDS) -> None:
        wait_for(condition, seconds, lambda: f"{self.read_output()}\n{self.find_processes()}")


@pytest.fixture
def folder() -> Iterator[Path]:
    with a_temporary_folder() as path:
        yield path


@pytest.fixture
def new_home(folder: Path) -> Iterator[RunningSupervisor]:
    """A supervisor that is not started, with a home that does not exist yet."""
    with cleaning_up(RunningSupervisor(folder)) as supervisor:
        yield supervisor


@pytest.fixture
def running(folder: Path) -> Iterator[RunningSupervisor]:
    """A supervisor of the test's own, once everything is ready."""
    with a_running_supervisor(folder) as supervisor:
        yield supervisor


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningSupervisor]:
    """A supervisor that keeps running, once everything is ready. It starts with a new home, as for a new user."""
    with a_temporary_folder() as path, cleaning_up(RunningSupervisor(path)) as supervisor:
        supervisor.start()
        supervisor.wait_until(supervisor.is_ready)
        yield supervisor


@contextmanager
def a_running_supervisor(folder: Path, **environment: str) -> Iterator[RunningSupervisor]:
    """Start with a migrated database; stop at the end."""
    with cleaning_up(RunningSupervisor(folder, **environment)) as supervisor:
        copy_cluster(Contents.TABLES, supervisor.home)
        supervisor.start()
        supervisor.wait_until(supervisor.is_ready)
        yield supervisor


@contextmanager
def cleaning_up(supervisor: RunningSupervisor) -> Iterator[RunningSupervisor]:
    try:
        yield supervisor
    finally:
        clean_up(supervisor)


def clean_up(supervisor: RunningSupervisor) -> None:
    if supervisor.process is not None and supervisor.process.poll() is None:
        supervisor.process.send_signal(signal.SIGTERM)
        try:
            supervisor.process.wait(30)
        except subprocess.TimeoutExpired:
            supervisor.process.kill()
            supervisor.process.wait()
    if any("postgres" in line for line in supervisor.find_processes()):
        server = EmbeddedPostgres(supervisor.home)
        server.start()
        server.stop()


def interrupt(supervisor: RunningSupervisor, number: signal.Signals = signal.SIGINT) -> int:
    assert supervisor.process is not None
    supervisor.process.send_signal(number)
    return supervisor.process.wait(30)


def test_it_starts_everything_and_prints_the_url(shared: RunningSupervisor) -> None:
    assert httpx.get(f"http://127.0.0.1:{shared.port}/livez").status_code == 200
    assert f"ready: open http://127.0.0.1:{shared.port}" in shared.read_output()
    begun = [line.split()[0] for line in shared.events()]
    assert begun[0] == "migrated" and set(begun[1:]) == {"web", "worker", "prefect"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_everything_in_order_and_leaves_no_process(running: RunningSupervisor, number: signal.Signals) -> None:
    running.wait_until(lambda: {line.split()[0] for line in running.events()} >= {"web", "worker", "prefect"})

    code = interrupt(running, number)

    assert code == 0
    assert [line for line in running.events() if line.endswith(" end")] == ["worker end", "web end", "prefect end"]
    assert running.read_output().rstrip().endswith("PostgreSQL stopped")
    assert running.find_processes() == []


def test_after_kill_9_only_postgresql_survives_and_the_next_start_adopts_it(running: RunningSupervisor) -> None:
    assert running.process is not None
    running.process.kill()
    running.process.wait()

    running.wait_until(lambda: all("postgres" in line for line in running.find_processes()), seconds=15)
    assert running.find_processes(), "PostgreSQL is gone too"
    (running.folder / "output").write_text("")
    running.start()
    running.wait_until(running.is_ready)
    assert "adopted" in running.read_output()
    assert interrupt(running) == 0
    assert running.find_processes() == []


@pytest.mark.parametrize("name", ["web", "worker", "prefect"])
def test_a_process_that_dies_is_restarted_and_a_line_says_so(shared: RunningSupervisor, name: str) -> None:
    before = shared.pids(name)

    os.kill(before[-1], signal.SIGKILL)

    shared.wait_until(lambda: len(shared.pids(name)) == len(before) + 1)
    lines = [line.split(maxsplit=2)[2] for line in shared.read_output().splitlines()]
    assert [line for line in lines if line.startswith(f"{name} ") and line.endswith("; restarting in 0.5 s")]


def test_killing_prefects_wrapper_leaves_no_second_prefect(running: RunningSupervisor) -> None:
    old = running.pids("prefect")[-1]
    wrapper = int(Path(f"/proc/{old}/stat").read_text().rsplit(")", 1)[1].split()[1])

    os.kill(wrapper, signal.SIGKILL)

    running.wait_until(lambda: len(running.pids("prefect")) == 2)
    running.wait_until(lambda: not Path(f"/proc/{old}").exists())


def test_postgresql_is_restarted_when_it_dies(shared: RunningSupervisor) -> None:
    pid = int((shared.home / "postgres/data/postmaster.pid").read_text().split()[0])

    os.kill(pid, signal.SIGKILL)

    shared.wait_until(lambda: "PostgreSQL ready again" in shared.read_output())


def test_a_process_that_ignores_the_stop_is_killed_in_time(folder: Path) -> None:
    with a_running_supervisor(folder, STUBBORN="worker") as supervisor:
        started = time.monotonic()

        code = interrupt(supervisor)

        assert code == 0 and time.monotonic() - started < 30
        assert "worker did not stop in time; killed" in supervisor.read_output()
        assert supervisor.find_processes() == []


def test_a_second_interrupt_stops_at_once(folder: Path) -> None:
    with a_running_supervisor(folder, STUBBORN="worker") as supervisor:
        assert supervisor.process is not None
        supervisor.process.send_signal(signal.SIGINT)
        supervisor.wait_until(lambda: "worker end" in supervisor.events())
        started = time.monotonic()

        assert interrupt(supervisor) == 0

        assert time.monotonic() - started < 5
        assert supervisor.find_processes() == []


def test_an_interrupt_while_postgresql_is_created_leaves_nothing(new_home: RunningSupervisor) -> None:
    new_home.start()
    new_home.wait_until(lambda: "starting PostgreSQL" in new_home.read_output())

    assert interrupt(new_home) == 0

    assert new_home.find_processes() == []


def test_a_port_in_use_is_reported_in_one_line_and_nothing_starts(new_home: RunningSupervisor) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        new_home.port = listener.getsockname()[1]

        code = new_home.start().wait(SECONDS)

    assert code == 2
    assert (
        new_home.read_output() == f"headgate: Port {new_home.port} on 127.0.0.1 is in use; stop the other program, or set HEADGATE_PORT.\n"
    )
    assert not (new_home.home / "postgres").exists()


def test_a_second_up_on_the_same_home_is_refused_in_one_line(shared: RunningSupervisor, folder: Path) -> None:
    second = RunningSupervisor(folder)
    second.home = shared.home

    code = second.start().wait(SECONDS)

    assert code == 2 and shared.process is not None
    assert second.read_output().count("\n") == 1
    assert f"already runs with the home {shared.home} (pid {shared.process.pid})" in second.read_output()


def test_unusable_data_is_reported_in_one_line(new_home: RunningSupervisor) -> None:
    data = new_home.home / "postgres/data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    password = new_home.home / "postgres/password"
    password.write_text("x" * 32 + "\n")
    password.chmod(0o600)
    if os.geteuid() == 0:
        import pwd

        os.chown(data, pwd.getpwnam("nobody").pw_uid, -1)
        data.chmod(0o700)

    code = new_home.start().wait(SECONDS)

    assert code == 2
    assert new_home.read_output().splitlines()[-1].startswith("headgate: The data directory")


@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_process_that_cannot_start_stops_everything_with_code_2(new_home: RunningSupervisor, name: str) -> None:
    copy_cluster(Contents.TABLES, new_home.home)
    (new_home.folder / f"{name}-cannot-start").touch()

    code = new_home.start().wait(SECONDS)

    output = new_home.read_output()
    assert code == 2 and len(new_home.pids(name)) == 1, output
    assert output.splitlines()[-1] == f"headgate: Headgate stopped because the {name} cannot start; its message is above."
    assert f"headgate: {name} cannot read a file" in output and "PostgreSQL stopped" in output
    assert new_home.find_processes() == []


def test_a_process_that_cannot_start_again_is_not_restarted_in_a_loop(running: RunningSupervisor) -> None:
    (running.folder / "worker-cannot-start").touch()
    os.kill(running.pids("worker")[-1], signal.SIGKILL)

    assert running.process is not None and running.process.wait(SECONDS) == 2
    assert len(running.pids("worker")) == 2
    assert running.find_processes() == []


def test_a_process_whose_log_cannot_be_opened_is_started_when_it_can(running: RunningSupervisor) -> None:
    logs = running.home / "logs"
    logs.rename(running.home / "logs.away")
    logs.touch()
    os.kill(running.pids("prefect")[-1], signal.SIGKILL)
    running.wait_until(lambda: "prefect cannot be started: " in running.read_output())

    logs.unlink()
    (running.home / "logs.away").rename(logs)

    running.wait_until(lambda: len(running.pids("prefect")) == 2)


def test_prefect_is_restarted_whatever_its_exit_code_is(running: RunningSupervisor) -> None:
    (running.folder / "prefect-cannot-start").touch()
    os.kill(running.pids("prefect")[-1], signal.SIGKILL)
    running.wait_until(lambda: len(running.pids("prefect")) >= 3)
    (running.folder / "prefect-cannot-start").unlink()

    assert interrupt(running) == 0


def test_no_secret_is_in_a_command_line(shared: RunningSupervisor) -> None:
    commands = " ".join(shared.find_processes())

    assert len(shared.find_processes()) >= 5
    for secret in ("secret", "prefect-password", "postgres/password"):
        assert (shared.home / secret).read_text().strip() not in commands
        assert oct((shared.home / secret).stat().st_mode & 0o777) == "0o600"
