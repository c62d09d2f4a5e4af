"""Measure the time from a claim's arrival at the worker to the first instruction of its first stage.

Run `python -m bench.claim_start`. The API client is a stub in this process, so the time is the worker's own part.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from application.ports.dispatch.worker_messages import AttemptStart, Claim, WorkerMessage
from entrypoints.worker.client.api_client import ApiClient, WorkerIdentity
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker.runner.stage_environment import StageJobBuilder, StageSettings
from entrypoints.worker.runner.worker import Worker, WorkerTimings
from entrypoints.worker.stage_host.job import Job, JobSpec
from entrypoints.worker.stage_host.manager import StageHostManager
from entrypoints.worker_protocol.messages import AdvanceResponse

RUNS = 300

_SCRIPT = "echo $EPOCHREALTIME"
"""Bash reads the clock without another process."""


class StubApiClient(ApiClient):
    """Answers every request at once and ends the dispatch. `started_at` collects the times that the stages print."""

    async def advance(self, dispatch: Any, body: bytes, trace: Any = None) -> AdvanceResponse:
        return AdvanceResponse()

    async def append_log(self, run_id: int, stage: str, attempt: int, lines: Any, *, is_tail: bool = False, unfinished: Any = None) -> None:
        for line in lines:
            text = line.rpartition(b",")[2].strip(b'"]').decode()
            if text.replace(".", "").isdigit():
                self.started_at.append(float(text))

    started_at: list[float]


class TimedStageHosts(StageHostManager):
    """Records when a job was passed to the stage host."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_at = 0.0

    async def run(self, job: JobSpec) -> Job:
        self.passed_at = time.time()
        return await super().run(job)


def _build_claim(run_id: int) -> Claim:
    spec = {"name": "first", "command": ["/bin/bash", "-c", _SCRIPT]}
    start = AttemptStart("first", 1, "token", "command", 60.0, spec)
    return Claim(run_id, run_id, 1, "bench", "headgate", ["first"], {"month": 1}, [start], False, f"key-{run_id}", {})


async def measure(runs: int = RUNS) -> tuple[list[float], list[float]]:
    """Return the milliseconds from a claim until its stage is passed to the stage host, and until it runs. One run at a time."""
    with tempfile.TemporaryDirectory() as folder:
        api = StubApiClient("http://127.0.0.1:9", "token", WorkerIdentity("bench", "headgate", 4))
        api.started_at = []
        hosts = TimedStageHosts()
        context = StageContext(
            hosts, StageJobBuilder(StageSettings(Path(folder), Path(folder) / "runs", {"PATH": "/usr/bin:/bin"})), api, 1.0
        )
        await hosts.ensure_started()
        worker = Worker(context, Slots(4), WorkerTimings())
        passed: list[float] = []
        started: list[float] = []
        for run_id in range(1, runs + 1):
            message: WorkerMessage = _build_claim(run_id)
            received_at = time.time()
            worker.apply(message)
            await worker.wait_until_idle()
            passed.append((hosts.passed_at - received_at) * 1000)
            started.append((api.started_at.pop() - received_at) * 1000)
        await hosts.close()
        await api.close()
        return passed[10:], started[10:]


def main() -> None:
    """Print p50 and p99 of both times."""
    for name, times in zip(("passed to the stage host", "bash's first instruction"), asyncio.run(measure()), strict=True):
        times.sort()
        print(f"claim → {name}: p50 {statistics.median(times):.2f} ms, p99 {times[int(len(times) * 0.99)]:.2f} ms")


if __name__ == "__main__":
    main()
