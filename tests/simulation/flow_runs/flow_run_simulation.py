"""Simulates two web processes that run stages of kind `prefect`, under kills and failures of Prefect and of the store."""

import asyncio
import random as global_random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from application.commands.runs.retry_run import RetryRunCommand
from application.commands.runs.run_opener import TriggerCommand
from application.services.loop import Wait, run_service, wait_seconds
from domain.access.actor import Actor
from domain.errors import Conflict, Unavailable
from domain.flow_runs.flow_state import FlowState
from domain.runs.trigger import Trigger
from tests.fakes import FakeAdapters
from tests.simulation.actors.store import SimulatedStore
from tests.simulation.flow_runs.flow_run_checks import find_excess, find_violations
from tests.simulation.flow_runs.polled_locks import PolledRowLocks
from tests.simulation.flow_runs.simulated_deployments import DEPLOYMENTS, SimulatedDeployments
from tests.simulation.runtime.process import Process
from tests.simulation.runtime.virtual_loop import VirtualLoop
from tests.simulation.schedules.store_clock import StoreClock
from tests.support.in_process import InProcessHeadgate

FAULTS = ("kill", "kill", "kill", "prefect away", "prefect emptied", "delete", "cancel in prefect", "store away", "deployment gone")
CHAOS_SECONDS, RECOVERY_SECONDS = 90.0, 2_000.0
LOCK_SECONDS = 5.0
MARA = Actor("mara")


class FlowRunWeb(Process):
    """The services of flow runs of a web process. It ends without any cleanup; a new one takes its place."""

    def __init__(self, simulation: "FlowRunSimulation", name: str) -> None:
        super().__init__(name, simulation.violations.append)
        fakes = FakeAdapters(clock=simulation.clock, store=simulation.store, deployments=simulation.prefect)  # type: ignore[arg-type]
        self.headgate = InProcessHeadgate(fakes=fakes)
        self.is_up = True

    def boot(self) -> None:
        application = self.headgate.application
        submitter, follower, importer = application.flow_run_submitter(), application.flow_run_follower(), application.flow_log_importer()
        services: list[tuple[Any, Wait]] = [
            (submitter, submitter.wait),
            (follower, follower.wait),
            (importer, importer.wait),
            (application.due_run_sweeper(), wait_seconds(1.0)),
        ]
        for service, wait in services:
            self.run_in_background(run_service(service, wait, self._report_failure))

    def _report_failure(self, service: str, error: Exception) -> None:
        if not isinstance(error, (Unavailable, TimeoutError)):
            self._on_defect(f"{self.name}: {service} failed: {error!r}")


class FlowRunSimulation:
    """`violations` are sentences about broken promises, `faults` the number of each fault."""

    def __init__(self, seed: int, faults: tuple[str, ...] = FAULTS) -> None:
        self.random = Random(f"{seed}:flow runs")
        self.loop = VirtualLoop(Random(f"{seed}:order"))
        self.clock = StoreClock(self.loop)
        self.faults: Counter[str] = Counter()
        self.violations: list[str] = []
        self.store = SimulatedStore(self.clock, Random(f"{seed}:store"), lambda _: None)
        self.store.locks = PolledRowLocks(LOCK_SECONDS)
        self.prefect = SimulatedDeployments(self.clock, Random(f"{seed}:prefect"), self.violations.append)
        self.webs: list[FlowRunWeb] = []
        self._kinds = faults

    async def run(self) -> None:
        """Let runs start under faults, repair everything, and check what is left after a while."""
        choice = self.random.choice
        self.prefect.boot()
        self.webs = [self._start_web(f"web{number}") for number in range(2)]
        people = Process("people", self.violations.append)
        people.run_in_background(self._watch())
        await asyncio.sleep(1.0)
        for number in range(choice((1, 2, 4))):
            await self._add_pipeline(number)
        self.prefect.lost, self.prefect.slow = choice((0.0, 0.1, 0.3)), choice((0.0, 0.05, 0.2))
        self.store.slow_statements = choice((0.0, 0.02))
        self.store.cut_connections = choice((0.0, 0.0, 0.01))
        actions = [people.run_in_background(self._act()) for _ in range(choice((1, 3)))]
        end = self.loop.time() + CHAOS_SECONDS
        for _ in range(choice((0, 3, 8)) if self._kinds else 0):
            await asyncio.sleep(self.random.uniform(0.1, max(0.2, (end - self.loop.time()) / 3)))
            await self._cause_fault(choice(self._kinds))
        await asyncio.gather(*actions)
        self._repair()
        for _ in range(int(RECOVERY_SECONDS / 5)):
            if self._is_over():
                break
            await asyncio.sleep(5.0)
        self.violations += find_violations(self.store.committed, self.prefect)

    def _is_over(self) -> bool:
        return all(run.is_over for run in self.store.committed.runs.values()) and not self.store.committed.flow_runs

    def _repair(self) -> None:
        self.prefect.lost = self.prefect.slow = self.store.slow_statements = self.store.cut_connections = 0.0
        self.prefect.is_down = False

    def _start_web(self, name: str) -> FlowRunWeb:
        web = FlowRunWeb(self, name)
        web.boot()
        return web

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self.violations += [each for each in find_excess(self.store.committed) if each not in self.violations]

    async def _add_pipeline(self, number: int) -> None:
        choice = self.random.choice
        stages = [self._draw_stage("abcd"[position]) for position in range(choice((1, 2, 4)))]
        await self.webs[0].headgate.use_cases.create_pipeline(stages, f"p{number}", parallelism=choice((1, 2, 16)))

    def _draw_stage(self, name: str) -> dict[str, Any]:
        choice = self.random.choice
        needs = [each for each in "abcd" if each < name and self.random.random() < 0.3]
        retries = choice((0, 0, 1))
        return {
            "name": name,
            "kind": "prefect",
            "deployment": choice(DEPLOYMENTS),
            "needs": needs,
            "timeout": choice((20, 60)),
            "on_cancel": choice(("cancel", "cancel", "leave")),
            "retries": retries,
            "retry_on_loss": bool(retries),
            "retry_delay": choice((0, 3)),
        }

    # -- people and faults ----------------------------------------------------------------------------------------------

    async def _act(self) -> None:
        """Trigger, cancel, retry and read logs, as people do."""
        end = self.loop.time() + CHAOS_SECONDS
        while self.loop.time() < end:
            with suppress(Conflict, Unavailable):
                await self._act_once(self.random.choice(self.webs).headgate)
            await asyncio.sleep(self.random.choice((0.01, 0.3, 5.0, 20.0)))

    async def _act_once(self, headgate: InProcessHeadgate) -> None:
        application, tables = headgate.application, self.store.committed
        run_ids = sorted(tables.runs)
        kind = self.random.choice(("trigger", "trigger", "cancel run", "cancel stage", "retry", "read log", "read log"))
        if kind == "trigger" or not run_ids:
            pipeline = tables.pipelines[self.random.choice(sorted(tables.pipelines))].name
            await application.trigger_pipeline()(TriggerCommand(pipeline, {}, Trigger("api", "mara"), actor=MARA))
            return
        run_id = self.random.choice(run_ids)
        self.faults[kind] += 1
        match kind:
            case "cancel run":
                await application.cancel_run()(run_id, MARA)
            case "cancel stage":
                await application.cancel_stage()(run_id, self.random.choice(sorted(tables.runs[run_id].stages)), MARA)
            case "retry":
                await application.retry_run()(RetryRunCommand(run_id, actor=MARA))
            case _:
                application.log_interest().mark(run_id)

    async def _cause_fault(self, kind: str) -> None:
        self.faults[kind] += 1
        ids = sorted(self.prefect.flow_runs)
        match kind:
            case "kill":
                await self.kill(self.random.randrange(len(self.webs)), self.random.choice((0.1, 5.0)))
            case "prefect away":
                self.prefect.is_down = True
                await asyncio.sleep(self.random.choice((3.0, 40.0)))
                self.prefect.is_down = False
            case "prefect emptied":
                self.prefect.lose_all()
            case "store away":
                self.store.is_down = True
                await asyncio.sleep(self.random.choice((1.0, 10.0)))
                self.store.is_down = False
            case "deployment gone":
                self.prefect.remove(DEPLOYMENTS[0])
                await asyncio.sleep(self.random.choice((2.0, 20.0)))
                self.prefect.add(DEPLOYMENTS[0])
            case "delete" if ids:
                self.prefect.delete(self.random.choice(ids))
            case "cancel in prefect" if ids:
                self.prefect.end_by_hand(self.random.choice(ids), self.random.choice((FlowState.CANCELLED, FlowState.CANCELLING)))

    async def kill(self, index: int, seconds: float) -> None:
        """End a web process without any cleanup, and start another one later."""
        web = self.webs[index]
        web.halt()
        self.store.end_transactions(web)
        await asyncio.sleep(seconds)
        self.webs[index] = self._start_web(f"{web.name}'")


def simulate_flow_runs(
    seed: int, faults: tuple[str, ...] = FAULTS, prepare: Callable[[FlowRunSimulation], None] | None = None
) -> FlowRunSimulation:
    """Return the simulation after its end."""
    global_random.seed(f"{seed}:global")
    simulation = FlowRunSimulation(seed, faults)
    if prepare is not None:
        prepare(simulation)
    simulation.loop.run(simulation.run())
    return simulation
