"""The stage host of a simulated worker: a process beside it whose stages end as the plan says."""

import asyncio
import itertools

from entrypoints.worker.runner.ports import StageStart
from entrypoints.worker.stage_host.job import Job, JobResult, JobSpec
from entrypoints.worker.stage_host.protocol import Message
from tests.simulation.context import SimulationContext
from tests.simulation.ledger import AttemptId
from tests.simulation.runtime.process import Process

KILL_SECONDS = 0.01


class SimulatedJobBuilder:
    """Implements JobBuilder without a file system. The environment of the job identifies the attempt."""

    def build(self, start: StageStart) -> JobSpec:
        env = {"HEADGATE_RUN_ID": str(start.run_id), "HEADGATE_STAGE": start.stage, "HEADGATE_ATTEMPT": str(start.attempt)}
        return JobSpec("command", "/", env, ["true"])


class SimulatedStageHost:
    """Implements JobRunner. Jobs run until the plan's time is over, or until they are signalled or the host dies."""

    def __init__(self, name: str, context: SimulationContext) -> None:
        self.process = Process(name, context.report_defect)
        self.process.is_up = True
        self._context = context
        self._numbers = itertools.count(1)
        self.stages: dict[int, StageProcess] = {}

    async def run(self, job: JobSpec) -> Job:
        number = next(self._numbers)
        attempt = int(job.env["HEADGATE_RUN_ID"]), job.env["HEADGATE_STAGE"], int(job.env["HEADGATE_ATTEMPT"])
        handle = Job(number, self._receive, job.masker)
        self.stages[number] = StageProcess(self._context, self.process, attempt, handle)
        return handle

    def kill(self) -> None:
        """Kill the host and every stage in it."""
        self.process.kill()

    def get_running(self) -> "list[StageProcess]":
        return [stage for stage in self.stages.values() if stage.is_running]

    def _receive(self, message: Message) -> None:
        if message["op"] == "signal":
            self.stages[message["id"]].signal(message["signal"])


class StageProcess:
    """One attempt's process. It writes a line at its start and one at its end."""

    def __init__(self, context: SimulationContext, host: Process, attempt: AttemptId, job: Job) -> None:
        self.is_running = True
        self._context, self._host, self._attempt, self._job = context, host, attempt, job
        self._work = context.plan.work(*attempt)
        self._hangs = False
        self._signal: str | None = None
        context.ledger.record_start(attempt, host.name)
        context.note("starts", host.name, *attempt)
        job.on_started(job.number, self._get_timestamp())
        self._write("begun")
        self._task = host.run_in_background(self._run())

    def signal(self, name: str) -> None:
        """TERM, which it obeys in its own time, or KILL."""
        if self.is_running and self._signal != "KILL":
            self._signal = name
            seconds = KILL_SECONDS if name == "KILL" else self._work.termination_seconds
            asyncio.get_running_loop().call_later(seconds, self._task.cancel)

    def hang(self) -> None:
        """Do not end without a signal."""
        self._hangs = True

    async def _run(self) -> None:
        status = "killed"
        try:
            await asyncio.sleep(self._work.seconds)
            if self._hangs:
                await asyncio.sleep(1e6)
            status = self._work.status
        finally:
            self.is_running = False
            self._context.ledger.record_end(self._attempt, self._host.name)
            self._context.note("ends", self._host.name, *self._attempt, status)
            self._write(status)
            self._job.on_end(self._get_result(status))

    def _get_result(self, status: str) -> JobResult:
        if status == "killed":
            return JobResult(signal=9 if self._signal == "KILL" else 15)
        return JobResult(code=0 if status == "completed" else 1)

    def _write(self, line: str) -> None:
        data = f"{line}\n".encode()
        self._job.on_output([("stdout", len(data))], self._get_timestamp(), data, is_exact=True)

    def _get_timestamp(self) -> float:
        return self._context.clock.now().timestamp() + self._context.plan.worker_skew
