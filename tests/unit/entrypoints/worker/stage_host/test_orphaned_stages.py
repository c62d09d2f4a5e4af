"""A worker and its stage host that are killed at once leave nothing that runs beside a retry."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from entrypoints.worker.stage_host.client import StageHost, build_worker_id
from entrypoints.worker.stage_host.job import JobSpec
from entrypoints.worker.stage_host.orphaned_stages import end_orphaned_stages
from entrypoints.worker.stage_host.processes import get_descendants, has_mark, list_processes
from entrypoints.worker.stage_host.protocol import MARK_NAME
from tests.unit.entrypoints.worker.stage_runner import DAEMON, ENV, is_running, read_pid, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="orphaned processes are found through /proc")

# A worker in a process of its own: it ends orphans, starts the jobs it is given, and prints the host's process id.
WORKER = """
import asyncio, json, sys
from entrypoints.worker.stage_host.client import StageHost
from entrypoints.worker.stage_host.job import JobSpec
from entrypoints.worker.stage_host.orphaned_stages import end_orphaned_stages

async def main(worker_id, jobs):
    end_orphaned_stages(worker_id)
    host = await StageHost.start(worker_id)
    for job in jobs:
        await host.run(JobSpec(**job))
    print(host.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
"""

# A callable that leaves a process in a session of its own, without exec.
FORKER = """
import os, time
def main(file, daemon):
    pid = os.fork() if daemon else os.getpid()
    if pid == 0:
        os.setsid()
        pid = os.getpid()
    if pid == os.getpid():
        with open(file + ".part", "w") as out:
            out.write(str(pid))
        os.rename(file + ".part", file)
    time.sleep(600)
"""

WRITE_PID = "echo $$ > $0.part; mv $0.part $0; "


@dataclass
class WorkerInProcess:
    process: asyncio.subprocess.Process
    host: int

    async def kill_with_host(self) -> None:
        """End both at the same instant: neither can react to the end of the other."""
        for sign in (signal.SIGSTOP, signal.SIGKILL):
            for pid in (self.process.pid, self.host):
                os.kill(pid, sign)
        await self.process.wait()
        await until(lambda: not is_running(self.host))


@contextlib.asynccontextmanager
async def worker(worker_id: str, *jobs: dict[str, Any]) -> AsyncIterator[WorkerInProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, worker_id, json.dumps(jobs), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[5]
    )
    assert process.stdout is not None
    try:
        yield WorkerInProcess(process, int(await process.stdout.readline()))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await until(lambda: not find_processes(worker_id) or bool(end_orphaned_stages(worker_id, 0)))


def find_processes(worker_id: str) -> list[int]:
    """List all living processes of a worker's stage hosts."""
    marked = [pid for pid in list_processes() if has_mark(pid, f"{MARK_NAME}={worker_id}".encode())]
    return [pid for pid in {*marked, *(child for pid in marked for child in get_descendants(pid))} if is_running(pid)]


def command(folder: Path, *argv: str, **more: Any) -> dict[str, Any]:
    return {"kind": "command", "cwd": str(folder), "env": ENV, "command": argv, **more}


def build_job(kind: str, folder: Path, daemon: bool, port: int) -> dict[str, Any]:
    """Build a stage that writes its process id, or its daemon's, and runs on."""
    pid, daemon_argv = str(folder / "pid"), [sys.executable, "-c", DAEMON, str(folder / "pid")]
    match kind:
        case "argv":
            script = '"$@"; exec sleep 600' if daemon else WRITE_PID + "exec sleep 600"
            return command(folder, "/bin/sh", "-c", script, pid, *(daemon_argv if daemon else []))
        case "shell":
            script = '"$@"; sleep 600; true' if daemon else WRITE_PID + "trap '' TERM; sleep 600; true"
            return command(folder, script, pid, *(daemon_argv if daemon else []), shell=True)  # noqa: S604
        case "python":
            (folder / "forker.py").write_text(FORKER)
            return {
                "kind": "python",
                "cwd": str(folder),
                "env": ENV,
                "callable": "forker:main",
                "parameters": {"file": pid, "daemon": daemon},
            }
    request = {"method": "GET", "url": f"http://127.0.0.1:{port}/", "headers": {}, "allow": ["127.0.0.1"], "ports": [port], "timeout": 600}
    request |= {"body": None, "ca_file": None, "expected": [200], "max_bytes": 1_000}
    return {"kind": "http", "cwd": str(folder), "env": ENV, "request": request}


@pytest.fixture
def silent_port() -> Any:
    """Listen without answering, so that a request waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("kind", "daemon"),
    [("argv", False), ("argv", True), ("shell", False), ("shell", True), ("python", False), ("python", True), ("http", False)],
)
async def test_nothing_of_a_killed_worker_runs_when_the_next_one_starts(kind: str, daemon: bool, tmp_path: Path, silent_port: int) -> None:
    worker_id = build_worker_id(tmp_path, "tester")

    async with worker(worker_id, build_job(kind, tmp_path, daemon, silent_port)) as first:
        if kind != "http":
            await read_pid(tmp_path / "pid")
        await until(lambda: len(get_descendants(first.host)) > daemon)
        everything = find_processes(worker_id)
        await first.kill_with_host()
        async with worker(worker_id, command(tmp_path, "sleep", "600")) as second:
            left = [pid for pid in everything if is_running(pid)]

            assert left == []
            assert is_running(second.host)
    assert len(everything) >= 2


async def test_the_kernel_ends_a_command_with_its_host(tmp_path: Path) -> None:
    worker_id = build_worker_id(tmp_path, "tester")

    async with worker(worker_id, command(tmp_path, "sleep", "600")) as first:
        (stage,) = get_descendants(first.host)
        await first.kill_with_host()

        await until(lambda: not is_running(stage))


async def test_processes_of_a_worker_that_lives_are_left_alone(tmp_path: Path) -> None:
    worker_id = build_worker_id(tmp_path, "tester")
    job = build_job("shell", tmp_path, True, 0)

    async with worker(worker_id, job) as first:
        await read_pid(tmp_path / "pid")
        await until(lambda: len(find_processes(worker_id)) == 4)
        everything = find_processes(worker_id)

        assert end_orphaned_stages(worker_id, 0) == []
        assert all(map(is_running, [first.host, *everything]))


@pytest.mark.parametrize("other", [("home", "another"), ("elsewhere", "tester")])
async def test_orphans_of_another_worker_are_left_alone(tmp_path: Path, other: tuple[str, str]) -> None:
    worker_id = build_worker_id(tmp_path / "home", "tester")

    async with worker(worker_id, build_job("argv", tmp_path, True, 0)) as first:
        daemon = await read_pid(tmp_path / "pid")
        await first.kill_with_host()

        assert end_orphaned_stages(build_worker_id(tmp_path / other[0], other[1]), 0) == []
        assert is_running(daemon)


async def test_a_process_without_a_mark_ends_with_its_session(tmp_path: Path) -> None:
    worker_id = build_worker_id(tmp_path, "tester")
    script = 'env -i /bin/sh -c "$0" "$1" & sleep 600 & wait'

    async with worker(worker_id, command(tmp_path, "/bin/sh", "-c", script, WRITE_PID + "exec sleep 600", str(tmp_path / "pid"))) as first:
        unmarked = await read_pid(tmp_path / "pid")
        await until(lambda: len(get_descendants(first.host)) == 3)
        await first.kill_with_host()

        ended = {process.pid for process in await asyncio.to_thread(end_orphaned_stages, worker_id)}

    assert unmarked in ended
    assert not is_running(unmarked)


async def test_an_orphan_gets_term_before_kill(tmp_path: Path) -> None:
    worker_id = build_worker_id(tmp_path, "tester")
    # The host's pipes are closed by then, so a shell that prints would end by SIGPIPE.
    saver = "exec 2> /dev/null; trap 'echo saved > saved; exit' TERM; " + WRITE_PID + "while :; do sleep 0.05; done"

    async with worker(worker_id, command(tmp_path, "/bin/sh", "-c", '/bin/sh -c "$1" "$0"; true', str(tmp_path / "pid"), saver)) as first:
        await read_pid(tmp_path / "pid")
        await first.kill_with_host()
        await asyncio.to_thread(end_orphaned_stages, worker_id, 20)

    assert (tmp_path / "saved").read_text() == "saved\n"


async def test_a_stopped_host_that_outlived_its_worker_ends(tmp_path: Path) -> None:
    worker_id = build_worker_id(tmp_path, "tester")

    async with worker(worker_id, build_job("argv", tmp_path, True, 0)) as first:
        daemon = await read_pid(tmp_path / "pid")
        os.kill(first.host, signal.SIGSTOP)
        first.process.kill()
        await first.process.wait()
        await asyncio.to_thread(end_orphaned_stages, worker_id)

        assert not is_running(first.host)
        assert not is_running(daemon)


async def test_a_hosts_own_end_is_not_mistaken_for_the_workers(tmp_path: Path) -> None:
    """A worker whose host died starts another one, whose stages belong to a worker that lives."""
    worker_id = build_worker_id(tmp_path, "tester")
    first = await StageHost.start(worker_id)
    second = await StageHost.start(worker_id)
    try:
        os.kill(first.pid, signal.SIGKILL)
        job = await second.run(JobSpec("command", str(tmp_path), ENV, ["sleep", "600"]))
        await until(lambda: not is_running(first.pid))

        assert end_orphaned_stages(worker_id, 0) == []
        assert is_running(job.pid or 0)
    finally:
        await first.close()
        await second.close()
