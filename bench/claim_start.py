"""How long from a claim's arrival on the stream to the first instruction of its first stage's process.

Run it: python -m bench.claim_start. The web is stood in for, in this process, so the figure is the worker's own part.
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

# Bash tells the time itself, so nothing but its own start is measured.
_SCRIPT = "echo $EPOCHREALTIME"


class SilentLink(ApiClient):
    """Answers everything at once with the end of the dispatch."""

    async def advance(self, dispatch: Any, body: bytes, trace: Any = None) -> AdvanceResponse:
        return AdvanceResponse()

    async def append_log(self, run_id: int, stage: str, attempt: int, lines: Any) -> None:
        for line in lines:
            text = line.rpartition(b",")[2].strip(b'"]').decode()
            if text.replace(".", "").isdigit():
                self.began.append(float(text))

    began: list[float]


class TimedHosts(StageHostManager):
    """Notes when each stage was handed over."""

    def __init__(self) -> None:
        super().__init__()
        self.handed = 0.0

    async def run(self, job: JobSpec) -> Job:
        self.handed = time.time()
        return await super().run(job)


def _claim(run_id: int) -> Claim:
    spec = {"name": "first", "command": ["/bin/bash", "-c", _SCRIPT]}
    start = AttemptStart("first", 1, "token", "command", 60.0, spec)
    return Claim(run_id, run_id, 1, "bench", "headgate", ["first"], {"month": 1}, [start], False, f"key-{run_id}", {})


async def measure(runs: int = RUNS) -> tuple[list[float], list[float]]:
    """Milliseconds from the claim until the stage is handed to its host, and until it runs; one run at a time."""
    with tempfile.TemporaryDirectory() as folder:
        api = SilentLink("http://127.0.0.1:9", "token", WorkerIdentity("bench", "headgate", 4))
        api.began = []
        hosts = TimedHosts()
        context = StageContext(
            hosts, StageJobBuilder(StageSettings(Path(folder), Path(folder) / "runs", {"PATH": "/usr/bin:/bin"})), api, 1.0
        )
        await hosts.ensure_started()
        worker = Worker(context, Slots(4), WorkerTimings())
        handed: list[float] = []
        began: list[float] = []
        for run_id in range(1, runs + 1):
            message: WorkerMessage = _claim(run_id)
            arrived = time.time()
            worker.apply(message)
            await worker.wait_until_idle()
            handed.append((hosts.handed - arrived) * 1000)
            began.append((api.began.pop() - arrived) * 1000)
        await hosts.close()
        await api.close()
        return handed[10:], began[10:]


def main() -> None:
    """Print p50 and p99 of both."""
    for name, taken in zip(("handed to the stage host", "bash's first instruction"), asyncio.run(measure()), strict=True):
        taken.sort()
        print(f"claim → {name}: p50 {statistics.median(taken):.2f} ms, p99 {taken[int(len(taken) * 0.99)]:.2f} ms")


if __name__ == "__main__":
    main()
