"""Worker processes: the long-lived ones of our own pool, and the short ones in which the engine's worker runs a flow."""

import asyncio
import contextlib
from typing import Any

from application.commands.workers.record_heartbeat import HeartbeatCommand, HeartbeatResult, HeldDispatch
from application.ports.dispatch.orchestrator import FlowRunRequest, FlowState
from application.ports.dispatch.worker_messages import Claim, StopRun, WakeRun
from application.ports.persistence.workers import WorkerStatus
from domain.errors import Conflict, NotFound, Unavailable
from tests.simulation.actors.run_executor import RunExecutor
from tests.simulation.actors.slots import Slots
from tests.simulation.context import SimulationContext
from tests.simulation.runtime.network import NoAnswer
from tests.simulation.runtime.process import Process
from tests.simulation.runtime.stream import SimulatedStream

HEARTBEAT, LEASE = 5.0, 20.0


class Worker(Process):
    """Each life has an id of its own. Its host is a process beside it, which dies within a second after it."""

    pool = "headgate"
    takes_work = True
    records = True

    def __init__(self, name: str, context: SimulationContext) -> None:
        super().__init__(name, context.defect)
        self.context = context
        self._lives = 0

    def boot(self) -> None:
        self.is_up = True
        self._lives += 1
        self.id = f"{self.name}#{self._lives}"
        self.slots = Slots(self.context.plan.slots)
        self.carriers: dict[tuple[int, int], RunExecutor] = {}
        self.seen: set[tuple[int, int]] = set()
        self.leaving = False
        self.line: SimulatedStream[Any] | None = None
        self.host = Process(f"host of {self.id}", self.context.defect)
        self.host.is_up = True
        self.beat_now = asyncio.Event()
        self._live()

    def _live(self) -> None:
        for work in (self._follow_stream(), self._beat(), self._watch_leases()):
            self.keep(work)

    def kill(self) -> None:
        super().kill()
        if self.line is not None:
            self.line.cut(6 * self.context.random.random())
        asyncio.get_running_loop().call_later(self.context.random.random(), self.host.kill)

    def take(self, claim: Claim) -> None:
        """Carry a dispatch that is new here."""
        key = (claim.run_id, claim.epoch)
        if self._is_new(key):
            carrying = self.carriers[key] = RunExecutor(claim, self.id, self.host, self.slots, self.context)
            if self.leaving:
                carrying.leave()
            self.keep(self._carry(carrying))
            if self.records:
                self.keep(self._record(carrying))

    def _is_new(self, key: tuple[int, int]) -> bool:
        is_new = key not in self.seen
        self.seen.add(key)
        return is_new

    async def _record(self, carrying: RunExecutor) -> None:
        """Show the dispatch in the engine, beside: where that fails, the outbox has it."""
        prefect, claim = self.context.prefect, carrying.claim
        words = {"run_id": claim.run_id, "number": claim.number, "epoch": claim.epoch}
        try:
            flow_run_id = await prefect.create_flow_run(FlowRunRequest(claim.pool, claim.key, claim.pipeline, words, FlowState.PENDING))
            runs = await prefect.begin(flow_run_id)
            web = self.context.a_web()
            with contextlib.suppress(NoAnswer, Unavailable):
                await self.context.network.call(web, "recorded", lambda: web.recorded(claim.run_id, claim.epoch, flow_run_id))
            await carrying.is_over.wait()
            if runs:
                await prefect.finish(flow_run_id, FlowState.CRASHED if carrying.refused else FlowState.COMPLETED)
        except Unavailable:
            return

    async def _carry(self, carrying: RunExecutor) -> None:
        await carrying.carry()
        carrying.is_over.set()
        self.carriers.pop(carrying.key, None)
        if self.slots.received is not None:
            self.beat_now.set()

    # -- the stream ---------------------------------------------------------------------------------------------------

    async def _follow_stream(self) -> None:
        while True:
            web = self.context.a_web()
            line: SimulatedStream[Any] = SimulatedStream(self.context.network)
            if web.is_up and not self.leaving:
                self.line = line
                seen = self._word()
                line.server = web.keep(web.stream(seen, line))
                with contextlib.suppress(EOFError):
                    while True:
                        self._hear(await line.next())
            self.slots.received = None
            self.beat_now.set()
            await asyncio.sleep(0.1 + 0.9 * self.context.random.random())

    def _hear(self, message: Any) -> None:
        match message:
            case Claim():
                self.slots.received = (self.slots.received or 0) + 1
                self.take(message)
            case StopRun(run_id):
                self._each_of(run_id, RunExecutor.stop)
            case WakeRun(run_id):
                self._each_of(run_id, RunExecutor.wake)
            case None:
                self.slots.received = 0
                self.beat_now.set()

    def _each_of(self, run_id: int, act: Any) -> None:
        for carrying in list(self.carriers.values()):
            if carrying.key[0] == run_id:
                act(carrying)

    # -- heartbeats ---------------------------------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            self.beat_now.clear()
            began = asyncio.get_running_loop().time()
            words = HeartbeatCommand(self._word(), self._held(), self.slots.received, self.takes_work and not self.leaving)
            try:
                web = self.context.a_web()
                self._obey(await self.context.network.call(web, "heartbeat", lambda: web.heartbeat(words)), began)  # noqa: B023
            except (NoAnswer, Unavailable):
                await asyncio.sleep(1.0)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0 if self.slots.received is None else HEARTBEAT):
                    await self.beat_now.wait()

    def _held(self) -> list[HeldDispatch]:
        return [HeldDispatch(*carrying.key, carrying.holding) for carrying in self.carriers.values()]

    def _word(self) -> WorkerStatus:
        return WorkerStatus(self.id, self.name, self.pool, self.slots.total, 0 if self.leaving else self.slots.free)

    def _obey(self, answer: HeartbeatResult, began: float) -> None:
        for key in answer.renewed:
            self.context.ledger.renewals[key] = max(began, self.context.ledger.renewals.get(key, began))
            if key in self.carriers:
                self.carriers[key].renewed = max(began, self.carriers[key].renewed)
        for key in answer.refused:
            if key in self.carriers:
                self.carriers[key].refuse()
        for run_id in answer.stop:
            self._each_of(run_id, RunExecutor.stop)
        for run_id in answer.wake:
            self._each_of(run_id, RunExecutor.wake)
        for claim in answer.claims:
            self.take(claim)

    async def _watch_leases(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            overdue = asyncio.get_running_loop().time() - 0.75 * LEASE + 1.0
            for carrying in self.carriers.values():
                if carrying.renewed < overdue:
                    carrying.interrupt("unrenewed", only_retryable=True)

    def drain(self) -> None:
        """As SIGTERM: start nothing more, finish or hand back."""
        self.leaving, self.slots.received = True, None
        for carrying in list(self.carriers.values()):
            carrying.leave()


class FlowProcess(Worker):
    """What the engine's own worker starts for one flow run: claims its dispatch, carries it, says how it ended."""

    takes_work = False
    records = False

    def __init__(self, flow_run_id: str, request: FlowRunRequest, context: SimulationContext) -> None:
        super().__init__(flow_run_id, context)
        self.pool = request.pool
        self._flow_run_id, self._request = flow_run_id, request

    def _live(self) -> None:
        self.leaving = False
        for work in (self._run(), self._watch_leases()):
            self.keep(work)

    def _word(self) -> WorkerStatus:
        return WorkerStatus(self.id, self.name, self.pool, 0, 0)

    async def _run(self) -> None:
        run_id, epoch = int(self._request.parameters["run_id"]), int(self._request.parameters["epoch"])
        claim = await self._claim(run_id, epoch)
        end = FlowState.CANCELLED
        if claim is not None:
            self.take(claim)
            carrying = self.carriers[run_id, epoch]
            beating = self.keep(self._beat())
            await carrying.is_over.wait()
            beating.cancel()
            end = FlowState.CRASHED if carrying.refused else FlowState.COMPLETED
        with contextlib.suppress(Unavailable):
            await self.context.prefect.finish(self._flow_run_id, end)
        self.is_up = False

    async def _claim(self, run_id: int, epoch: int) -> Claim | None:
        while True:
            web, free = self.context.a_web(), self.slots.free
            try:
                return await self.context.network.call(web, "claim", lambda: web.claim(run_id, epoch, self.id, free))  # noqa: B023
            except (Conflict, NotFound):
                return None
            except (NoAnswer, Unavailable):
                await asyncio.sleep(0.5)
