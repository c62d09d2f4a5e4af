"""Worker processes that run the real worker: the long-lived ones, and the short ones that Prefect's worker starts for one flow run."""

import asyncio
import contextlib
from datetime import datetime, timedelta

from application.ports.dispatch.orchestrator import FlowRunRequest
from domain.errors import Unavailable
from domain.flow_runs.flow_state import FlowState
from entrypoints.worker.client.api_client import ApiClient, RequestRejected, WorkerIdentity
from entrypoints.worker.prefect.web_recorder import WebRecorder
from entrypoints.worker.runner.active_dispatches import DispatchRecorder
from entrypoints.worker.runner.idle_window import IdleWindow
from entrypoints.worker.runner.run_executor import DispatchResult, RunExecutor
from entrypoints.worker.runner.single_dispatch import run_single_dispatch
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker.runner.worker import Worker, WorkerTimings
from tests.simulation.actors.stage_host import SimulatedJobBuilder, SimulatedStageHost
from tests.simulation.actors.worker_transport import WorkerTransport
from tests.simulation.context import SimulationContext
from tests.simulation.runtime.process import Process

URL = "http://127.0.0.1"
GRACE_SECONDS = 1.0
TIMINGS = WorkerTimings(heartbeat=5.0, lease=20.0, drain=10.0)


class SkewedClock:
    """The clock of the worker's machine."""

    def __init__(self, context: SimulationContext) -> None:
        self._context = context

    def now(self) -> datetime:
        return self._context.clock.now() + timedelta(seconds=self._context.plan.worker_skew)


class WorkerMachine:
    """Runs one process at a time, with a stage host beside it that dies within a second after the process."""

    def __init__(self, name: str, context: SimulationContext) -> None:
        self.name = name
        self._context = context
        self._boots = 0

    @property
    def is_up(self) -> bool:
        return self.process.is_up

    @property
    def is_frozen(self) -> bool:
        return self.process.is_frozen

    def boot(self) -> None:
        """Start the next process. Each has an id of its own."""
        self._boots += 1
        self.id = f"{self.name}-{self._boots}"
        self.process = Process(self.id, self._context.report_defect)
        self.process.is_up = True
        self.host = SimulatedStageHost(f"host of {self.id}", self._context)
        self.transport = WorkerTransport(self._context)
        self.process.run_in_background(self._run())

    def kill(self) -> None:
        """Stop as after kill -9: connections break, and the host dies within a second."""
        self.process.halt()
        random = self._context.random
        if self.transport.stream is not None:
            self.transport.stream.cut(6 * random.random())
        asyncio.get_running_loop().call_later(random.random(), self.host.kill)

    def freeze(self) -> None:
        self.process.freeze()

    def thaw(self) -> None:
        self.process.thaw()

    async def _run(self) -> None:
        await self._work()
        self.process.is_up = False
        self.host.kill()

    async def _work(self) -> None:
        raise NotImplementedError

    def _build_context(self, pool: str, slots: int) -> StageContext:
        api = ApiClient(URL, "token", WorkerIdentity(self.name, pool, slots, suffix=str(self._boots)), self.transport)
        window = IdleWindow(clock=asyncio.get_running_loop().time)
        return StageContext(self.host, SimulatedJobBuilder(), api, GRACE_SECONDS, SkewedClock(self._context), idle_window=window)


class LongLivedWorker(WorkerMachine):
    """A worker of Headgate's own pool. Every second one has no access to Prefect: the web records its dispatches."""

    def boot(self) -> None:
        self._stop = asyncio.Event()
        super().boot()

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """Stop as after SIGTERM: start no more attempts and finish or end the running ones."""
        self._stop.set()

    async def _work(self) -> None:
        slots = self._context.plan.slots
        context = self._build_context("headgate", slots)
        worker = Worker(context, Slots(slots), TIMINGS)
        worker.set_recorder(self._build_recorder(context))
        await worker.run(self._stop)

    def _build_recorder(self, context: StageContext) -> DispatchRecorder:
        if int(self.name.removeprefix("worker")) % 2:
            return WebRecorder(context.api, context.idle_window)
        return SimulatedRecorder(context.api, self._context)


class SimulatedRecorder:
    """Implements DispatchRecorder on the simulated Prefect. What it cannot record is left to the outbox."""

    def __init__(self, api: ApiClient, context: SimulationContext) -> None:
        self._api, self._context = api, context
        self._tasks: dict[asyncio.Task[None], None] = {}

    async def wait(self, seconds: float) -> bool:
        return True

    def record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        task = asyncio.create_task(self._record(executor, result))
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def _record(self, executor: RunExecutor, result: asyncio.Future[DispatchResult]) -> None:
        prefect, claim = self._context.prefect, executor.claim
        parameters = {"run_id": claim.run_id, "number": claim.number, "epoch": claim.epoch}
        with contextlib.suppress(Unavailable, RequestRejected):
            request = FlowRunRequest(claim.pool, claim.key, claim.pipeline, parameters, FlowState.PENDING)
            flow_run_id = await prefect.create_flow_run(request)
            may_run = await prefect.begin(flow_run_id)
            await self._api.record_flow_run(executor.key, flow_run_id)
            await asyncio.wait([result])
            if may_run:
                await prefect.finish(flow_run_id, _get_final_state(result))


class FlowProcess(WorkerMachine):
    """The process that Prefect's own worker starts for one flow run: it claims the dispatch and executes it."""

    def __init__(self, flow_run_id: str, request: FlowRunRequest, context: SimulationContext) -> None:
        super().__init__(flow_run_id, context)
        self._flow_run_id = flow_run_id
        self._key = int(request.parameters["run_id"]), int(request.parameters["epoch"])
        self.has_lost_end = False
        """True if Prefect did not respond when the process ended."""

    async def _work(self) -> None:
        context = self._build_context("", 0)
        slots = Slots(self._context.plan.slots, is_offering=False)
        state = FlowState.CRASHED
        with contextlib.suppress(RequestRejected):
            async with run_single_dispatch(self._key, context, slots, TIMINGS) as (_, result):
                await asyncio.wait([result])
            state = _get_final_state(result)
        try:
            await self._context.prefect.finish(self._flow_run_id, state)
        except Unavailable:
            self.has_lost_end = True


def _get_final_state(result: asyncio.Future[DispatchResult]) -> FlowState:
    return FlowState.CRASHED if result.cancelled() or result.result().refused else FlowState.COMPLETED
