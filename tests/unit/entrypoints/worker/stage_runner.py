"""Building and watching stages in these tests."""

from __future__ import annotations

import asyncio
import os
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from entrypoints.worker.stage_host.client import StageHost
from entrypoints.worker.stage_host.job import Job, JobResult, JobSpec, OutputLine

ENV = {"PATH": os.environ["PATH"]}

# A daemon by the book: fork, a session of its own, fork again, nothing of the parent's output kept. It writes its id where asked.
DAEMON = """
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
null = os.open(os.devnull, os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(null, number)
with open(sys.argv[1] + ".part", "w") as file:
    file.write(str(os.getpid()))
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""


class StageRunner:
    """Stages in one directory, on one host."""

    def __init__(self, host: StageHost, folder: Path, python: str = "") -> None:
        self.host = host
        self.folder = folder
        self.python = python

    def module(self, name: str, text: str) -> None:
        (self.folder / f"{name}.py").write_text(textwrap.dedent(text))

    async def start(self, *command: str, shell: bool = False, env: dict[str, str] | None = None, cwd: Path | None = None) -> Job:
        return await self.host.run(JobSpec("command", str(cwd or self.folder), ENV | (env or {}), command, shell=shell))

    async def sh(self, script: str, *arguments: str, **more: Any) -> tuple[list[OutputLine], JobResult]:
        return await finish(await self.start("/bin/sh", "-c", script, *arguments, **more))

    async def begin(self, target: str, env: dict[str, str] | None = None, **parameters: Any) -> Job:
        environment = ENV | (env or {})
        return await self.host.run(
            JobSpec("python", str(self.folder), environment, callable=target, python=self.python, parameters=parameters)
        )

    async def call(self, target: str, env: dict[str, str] | None = None, **parameters: Any) -> tuple[list[OutputLine], JobResult]:
        return await finish(await self.begin(target, env, **parameters))


async def finish(job: Job) -> tuple[list[OutputLine], JobResult]:
    async with asyncio.timeout(30):
        return [line async for line in job.lines], await job.wait()


def texts(lines: list[OutputLine], stream: str = "stdout") -> list[str]:
    return [line.text for line in lines if line.stream == stream]


def is_running(pid: int) -> bool:
    """Whether a process still runs. One that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool], seconds: float = 30) -> float:
    """Wait for a condition; returns how long that took. Fails at the deadline."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "what was waited for did not come"
        await asyncio.sleep(0.005)
    return time.monotonic() - began


async def read_pid(file: Path) -> int:
    await until(file.exists)
    return int(file.read_text())
