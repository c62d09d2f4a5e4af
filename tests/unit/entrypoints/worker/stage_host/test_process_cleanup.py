"""A stage ends when it should, with all its processes, and never outlives its worker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from entrypoints.worker.stage_host.client import HostDied, StageHost
from entrypoints.worker.stage_host.job import EndedProcess, JobSpec
from entrypoints.worker.stage_host.secret_masker import SecretMasker
from tests.unit.entrypoints.worker.stage_runner import DAEMON, ENV, StageRunner, finish, is_running, read_pid, texts, until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="detached processes are found through /proc")

# A worker in a process of its own: it starts the jobs it is given and prints the host's process id.
WORKER = """
import asyncio, json, sys
from entrypoints.worker.stage_host.client import StageHost
from entrypoints.worker.stage_host.job import EndedProcess, JobSpec
from entrypoints.worker.stage_host.secret_masker import SecretMasker

async def main():
    host = await StageHost.start()
    for job in json.loads(sys.argv[1]):
        await host.run(JobSpec(**job))
    print(host.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""

FORKER = """
import os, time
def main(file):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            with open(file + ".part", "w") as out:
                out.write(str(os.getpid()))
            os.rename(file + ".part", file)
            time.sleep(600)
        os._exit(0)
    os.wait()
    if os.environ.get("STAY"):
        time.sleep(600)
"""


def daemon(file: Path) -> list[str]:
    return [sys.executable, "-c", DAEMON, str(file)]


async def test_terminate_sends_term_first_so_that_a_stage_can_clean_up(stages: StageRunner) -> None:
    job = await stages.start("/bin/sh", "-c", "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.05; done")
    lines = job.lines
    assert (await anext(lines)).text == "up"

    end = await job.terminate(20)

    assert end.code == 4
    assert texts([line async for line in lines]) == ["bye"]


async def test_terminate_kills_a_stage_that_ignores_term(stages: StageRunner) -> None:
    job = await stages.start("/bin/sh", "-c", "trap '' TERM; echo $$; (trap '' TERM; sleep 600) & sleep 600; sleep 600")
    assert (await anext(job.lines)).text == str(job.pid)

    began = time.monotonic()
    end = await job.terminate(0.2)

    assert end.signal == signal.SIGKILL
    assert 0.2 <= time.monotonic() - began < 30


async def test_terminate_reaches_the_whole_group_and_a_stopped_one(stages: StageRunner) -> None:
    job = await stages.start("/bin/sh", "-c", "sleep 600 & echo $!; kill -STOP $$")
    child = int((await anext(job.lines)).text)
    await until(lambda: b") T" in Path(f"/proc/{job.pid}/stat").read_bytes())

    end = await job.terminate(20)

    assert end.signal == signal.SIGTERM
    assert not is_running(child)


async def test_terminate_gives_the_group_its_grace_when_the_leader_exits_at_once(stages: StageRunner) -> None:
    job = await stages.start(
        "/bin/sh", "-c", "trap 'exit 1' TERM; (trap 'sleep 0.7; echo saved; exit' TERM; echo up; while :; do sleep 0.05; done) & wait"
    )
    lines = job.lines
    assert (await anext(lines)).text == "up"

    end = await job.terminate(20)

    assert end.code == 1
    assert texts([line async for line in lines]) == ["saved"]


async def test_a_grandchild_that_holds_the_output_does_not_hold_the_stage(stages: StageRunner) -> None:
    began = time.monotonic()
    lines, end = await stages.sh("sleep 600 & echo $!; (sleep 0.1; echo late) & exit 0")

    assert texts(lines)[1:] == ["late"]
    assert not is_running(int(texts(lines)[0]))
    assert end.succeeded
    assert time.monotonic() - began < 60


@linux_only
async def test_a_process_that_a_stage_leaves_running_is_named(stages: StageRunner) -> None:
    lines, end = await stages.sh("nohup sleep 600 > /dev/null 2>&1 & echo $!; until grep -q '^sleep$' /proc/$!/comm; do :; done")

    assert end.succeeded
    assert end.ended_helpers == (EndedProcess(int(texts(lines)[0]), "sleep"),)
    assert not is_running(end.ended_helpers[0].pid)


@linux_only
@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("{helper} &", 1),
        ("setsid {helper} > /dev/null 2>&1 &", 1),
        ("({helper} > /dev/null 2>&1 &)", 1),
        ("nohup setsid sh -c '{helper} & exit' > /dev/null 2>&1 < /dev/null", 1),
        ("(trap '' HUP TERM; exec {helper}) > /dev/null 2>&1 &", 1),
        ("env -i {helper} > /dev/null 2>&1 &", 1),
        ("{helper} > /dev/null & {helper} > /dev/null 2>&1 &", 2),
    ],
)
async def test_a_helper_is_named_however_it_was_started(stages: StageRunner, script: str, count: int) -> None:
    name = f"h{secrets.token_hex(6)}"
    (stages.folder / name).symlink_to(shutil.which("sleep") or "")
    wait = f"until [ $(grep -lsx {name} /proc/[0-9]*/comm | wc -l) -eq {count} ]; do sleep 0.01; done"

    _, end = await stages.sh(f"{script.format(helper=f'{stages.folder / name} 600')}\n{wait}")

    assert end.succeeded
    assert [helper.name for helper in end.ended_helpers] == [name] * count
    assert not any(is_running(helper.pid) for helper in end.ended_helpers)


@linux_only
async def test_a_process_that_ended_by_itself_or_was_told_to_end_is_not_named(stages: StageRunner) -> None:
    _, ended = await stages.sh("sleep 0 & wait; true")
    job = await stages.start("/bin/sh", "-c", "(trap '' TERM; sleep 600) & echo up; wait")
    assert (await anext(job.lines)).text == "up"
    killed = await job.terminate(0.1)

    assert (ended.ended_helpers, killed.ended_helpers) == ((), ())


@linux_only
async def test_the_name_of_a_process_that_a_stage_left_shows_no_secret(stages: StageRunner) -> None:
    (stages.folder / "hunter2hunter2").symlink_to(shutil.which("sleep") or "")
    command = ["/bin/sh", "-c", "./hunter2hunter2 600 > /dev/null 2>&1 & until grep -q hunter2 /proc/$!/comm; do :; done"]
    spec = JobSpec("command", str(stages.folder), ENV, command, masker=SecretMasker(["hunter2hunter2"]))
    job = await stages.host.run(spec)

    _, end = await finish(job)

    assert [helper.name for helper in end.ended_helpers] == ["***"]


@linux_only
async def test_a_daemon_ends_with_its_stage_and_no_other(stages: StageRunner, tmp_path: Path) -> None:
    other = await stages.start("sleep", "600")
    job = await stages.start("/bin/sh", "-c", '"$@"; until [ -e "$4" ]; do sleep 0.01; done', "sh", *daemon(tmp_path / "pid"))

    _, end = await finish(job)

    pid = await read_pid(tmp_path / "pid")
    assert end.succeeded
    assert not is_running(pid)
    assert is_running(other.pid or 0)
    await other.kill()


@linux_only
async def test_a_callables_double_fork_without_exec_or_environment_ends_with_its_stage(stages: StageRunner, tmp_path: Path) -> None:
    stages.module("forker", FORKER)
    other = await stages.start("sleep", "600")
    left: list[int] = []

    # A dying process loses its environment, and with it the mark, before it has ended. So it is tried often.
    for number in range(20):
        job = await stages.begin("forker:main", env={"STAY": "1"}, file=str(tmp_path / f"pid{number}"))
        pid = await read_pid(tmp_path / f"pid{number}")
        await job.kill()
        left += [pid] if is_running(pid) else []

    assert left == []
    assert is_running(other.pid or 0)
    await other.kill()


@linux_only
async def test_killing_the_worker_ends_every_stage_within_a_second(tmp_path: Path) -> None:
    (tmp_path / "forker.py").write_text(FORKER)
    jobs = [
        {
            "kind": "command",
            "cwd": str(tmp_path),
            "env": ENV,
            "command": ["sh", "-c", "trap '' TERM INT HUP; echo $$ > plain; sleep 600 & wait"],
        },
        {"kind": "command", "cwd": str(tmp_path), "env": ENV, "command": [*daemon(tmp_path / "daemon")]},
        {"kind": "command", "cwd": str(tmp_path), "env": ENV, "command": ["setsid", "-w", "env", "-i", *daemon(tmp_path / "hidden")]},
        {"kind": "command", "cwd": str(tmp_path), "env": ENV, "command": ["sh", "-c", "yes"]},
        {
            "kind": "python",
            "cwd": str(tmp_path),
            "env": ENV | {"STAY": "1"},
            "callable": "forker:main",
            "parameters": {"file": str(tmp_path / "py")},
        },
    ]
    keep = [{"kind": "command", "cwd": str(tmp_path), "env": ENV, "command": ["sleep", "600"]}]
    # The daemons' own stages must outlast them, else they would be gone before the worker is.
    for job in jobs[1:3]:
        job["command"] = ["sh", "-c", '"$@"; sleep 600', "sh", *job["command"]]  # type: ignore[misc]
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, json.dumps(jobs + keep), stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[5]
    )
    assert worker.stdout is not None
    host = int(await worker.stdout.readline())
    await until(lambda: (tmp_path / "plain").exists() and (tmp_path / "plain").read_text().endswith("\n"))
    detached = [await read_pid(tmp_path / name) for name in ("daemon", "hidden", "py")]
    everything: list[int] = []

    def are_all_there() -> bool:
        """Return the processes that stay, without short-lived ones such as a shell before its exec."""
        everything[:] = [host, int((tmp_path / "plain").read_text()), *detached, *_below(host)]
        return all(map(is_running, everything))

    await until(are_all_there)

    worker.kill()
    took = await until(lambda: not any(map(is_running, everything)))

    await worker.wait()
    assert len(everything) > 10
    assert took < 10


async def test_a_host_that_dies_fails_its_jobs_and_leaves_nothing(tmp_path: Path) -> None:
    host = await StageHost.start()
    bench = StageRunner(host, tmp_path)
    job = await bench.start("/bin/sh", "-c", '"$@"; sleep 600 & wait', "sh", *daemon(tmp_path / "pid"))
    pids = [job.pid or 0, await read_pid(tmp_path / "pid"), *_below(job.pid or 0)]

    os.kill(host.pid, signal.SIGKILL)
    lines, end = await finish(job)

    assert (lines, end.error, end.succeeded) == ([], "the stage host died", False)
    await until(lambda: not any(map(is_running, pids)), 1)
    assert not host.is_alive
    with pytest.raises(HostDied):
        await host.run(JobSpec("command", str(tmp_path), ENV, ["true"]))
    await host.close()
    again = await StageHost.start()
    assert (await (await StageRunner(again, tmp_path).start("true")).wait()).succeeded
    await again.close()


async def test_closing_ends_all_stages_and_the_host_ignores_terminal_signals(tmp_path: Path) -> None:
    host = await StageHost.start()
    job = await StageRunner(host, tmp_path).start("sleep", "600")

    os.kill(host.pid, signal.SIGINT)
    assert (await (await StageRunner(host, tmp_path).start("true")).wait()).succeeded
    await host.close()

    assert (await job.wait()).error == "the stage host was closed"
    assert not is_running(job.pid or 0)
    assert not is_running(host.pid)


@linux_only
async def test_a_daemon_without_any_trace_of_its_stage_ends_when_no_stage_is_left(stages: StageRunner, tmp_path: Path) -> None:
    hidden = ["setsid", "-w", "env", "-i", *daemon(tmp_path / "pid")]
    other = await stages.start("sleep", "600")
    job = await stages.start("/bin/sh", "-c", '"$@"; until [ -e "$0" ]; do sleep 0.01; done', str(tmp_path / "pid"), *hidden)
    await job.wait()
    pid = await read_pid(tmp_path / "pid")

    await other.kill()

    assert not is_running(pid)


async def test_a_cancelled_start_does_not_leave_a_running_stage(stages: StageRunner, tmp_path: Path) -> None:
    starting = asyncio.create_task(stages.start("/bin/sh", "-c", "echo $$ > pid.part; mv pid.part pid; sleep 600"))
    await asyncio.sleep(0)

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    # The next start is answered after the kill was obeyed.
    _, end = await stages.sh("true")
    assert end.succeeded
    await until(lambda: len(_below(stages.host.pid)) == 0)


async def test_many_stages_at_once_all_end_as_they_should(stages: StageRunner) -> None:
    jobs = await asyncio.gather(*(stages.start("/bin/sh", "-c", f"echo {n}; exit {n}") for n in range(60)))
    ends = await asyncio.gather(*(finish(job) for job in jobs))

    assert [(texts(lines), end.code) for lines, end in ends] == [([str(n)], n) for n in range(60)]


async def test_terminating_an_ended_job_changes_nothing(stages: StageRunner) -> None:
    job = await stages.start("true")
    end = await job.wait()

    assert await job.terminate(0.1) == end
    assert await job.kill() == end


def _below(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):  # the process has ended
        found = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    for child in list(found):
        found += _below(child)
    return list(dict.fromkeys(found))
