"""A Prefect with a worker, which is slow, loses answers, is away, or loses everything."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from random import Random
from typing import Any, TypeVar

from application.ports.dispatch.deployments import DeploymentRun, FlowLogPage, FlowLogPosition
from domain.errors import Unavailable
from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from tests.fakes.dispatch.deployments import FakeDeployments
from tests.simulation.runtime.process import Process

Answer = TypeVar("Answer")
DEPLOYMENTS = ("ml/train", "ml/score")
TICK_SECONDS = 0.5


class SimulatedDeployments(FakeDeployments):
    """What a request does happens in Prefect's own process: a client that is killed or gives up does not stop it.

    `lost` and `slow` are the chances of a request that its answer is lost, and that it takes long.
    """

    def __init__(self, clock: Any, random: Random, on_defect: Callable[[str], None]) -> None:
        super().__init__(clock)
        self._random = random
        self.lost = self.slow = 0.0
        self.server = Process("prefect", on_defect)
        self.server.is_up = True
        self._starts = 0
        for name in DEPLOYMENTS:
            self.add(name)

    def boot(self) -> None:
        self.server.run_in_background(self._work())

    async def create_flow_run(self, run: DeploymentRun) -> str:
        return await self.serve(lambda: FakeDeployments.create_flow_run(self, run))

    async def find_flow_run(self, deployment: str, key: str) -> str | None:
        return await self.serve(lambda: FakeDeployments.find_flow_run(self, deployment, key))

    async def observe(self, flow_run_ids: Collection[str]) -> Mapping[str, FlowRunObservation]:
        return await self.serve(lambda: FakeDeployments.observe(self, flow_run_ids))

    async def read_output(self, flow_run_id: str) -> Any:
        return await self.serve(lambda: FakeDeployments.read_output(self, flow_run_id))

    async def read_log(self, flow_run_id: str, position: FlowLogPosition, *, is_over: bool) -> FlowLogPage:
        return await self.serve(lambda: FakeDeployments.read_log(self, flow_run_id, position, is_over=is_over))

    async def cancel(self, flow_run_id: str) -> None:
        await self.serve(lambda: FakeDeployments.cancel(self, flow_run_id))

    async def force_cancelled(self, flow_run_id: str) -> None:
        await self.serve(lambda: FakeDeployments.force_cancelled(self, flow_run_id))

    async def find_pool_problems(self, pools: Collection[str]) -> Mapping[str, str]:
        return await self.serve(lambda: FakeDeployments.find_pool_problems(self, pools))

    def lose_all(self) -> None:
        """Restart with an empty database that has the deployments again. The requests under way have no effect."""
        self._starts += 1
        self.lose_everything()
        for name in DEPLOYMENTS:
            self.add(name)

    def end_by_hand(self, flow_run_id: str, state: FlowState) -> None:
        """Set a state as a user of Prefect's pages can."""
        if flow_run_id in self.flow_runs and not self.flow_runs[flow_run_id].seen.state.is_terminal:
            self.set_state(flow_run_id, state)

    async def serve(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        starts = self._starts

        async def answer() -> Answer:
            await asyncio.sleep(self._random.choice((0.01, 0.05)))
            if self.slow and self._random.random() < self.slow:
                await asyncio.sleep(self._random.choice((1.0, 8.0, 25.0)))
            if self._starts > starts:
                raise Unavailable("Prefect was restarted.")
            return await request()

        served = await asyncio.shield(self.server.spawn(answer()))
        if self.lost and self._random.random() < self.lost:
            raise Unavailable("Prefect's answer was lost.")
        return served

    async def _work(self) -> None:
        """Run the flow runs, as the workers of their pools do."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for flow_run_id in list(self.flow_runs):
                self._step(flow_run_id)

    def _step(self, flow_run_id: str) -> None:
        run, chance = self.flow_runs[flow_run_id], self._random.random()
        match run.seen.state:
            case FlowState.SCHEDULED if chance < 0.3:
                self.set_state(flow_run_id, FlowState.PENDING)
            case FlowState.SCHEDULED if chance < 0.35:
                self.set_state(flow_run_id, FlowState.SCHEDULED, "Late")
            case FlowState.PENDING if chance < 0.5:
                self.set_state(flow_run_id, FlowState.RUNNING)
            case FlowState.RUNNING:
                self.log(flow_run_id, f"line {len(run.lines)}")
                self._run(flow_run_id, chance)
            case FlowState.PAUSED if chance < 0.2:
                self.set_state(flow_run_id, FlowState.RUNNING)
            case FlowState.CANCELLING if chance < 0.05 and not _is_stubborn(flow_run_id):
                self.set_state(flow_run_id, FlowState.CANCELLED)
            case _:
                pass

    def _run(self, flow_run_id: str, chance: float) -> None:
        if _is_endless(flow_run_id):
            return
        if chance < 0.10:
            self.flow_runs[flow_run_id].output = {"result": flow_run_id, "artifacts": []}
            self.set_state(flow_run_id, FlowState.COMPLETED)
        elif chance < 0.15:
            self.set_state(flow_run_id, self._random.choice((FlowState.FAILED, FlowState.CRASHED)), message="no rows")
        elif chance < 0.18:
            self.set_state(flow_run_id, FlowState.PAUSED)
        elif chance < 0.20:
            self.set_state(flow_run_id, FlowState.SCHEDULED, "AwaitingRetry")


def _is_endless(flow_run_id: str) -> bool:
    """Return True for a third of the flow runs, which run until they are cancelled."""
    return int(flow_run_id[-4:], 16) % 3 == 0


def _is_stubborn(flow_run_id: str) -> bool:
    """Return True for flow runs that do not end when they are cancelled, until their state is forced."""
    return int(flow_run_id[-4:], 16) % 4 == 0
