"""A web process is killed before each statement, commit and answer of Prefect while it creates, follows, cancels and ends flow runs."""

import asyncio
from typing import Any

import pytest

from application.commands.runs.run_opener import TriggerCommand
from domain.flow_runs.flow_state import FlowState
from domain.runs.status import Status
from domain.runs.trigger import Trigger
from tests.simulation.actors.store import SimulatedTransaction
from tests.simulation.flow_runs.flow_run_checks import find_violations
from tests.simulation.flow_runs.flow_run_simulation import MARA, FlowRunSimulation, FlowRunWeb
from tests.simulation.flow_runs.simulated_deployments import SimulatedDeployments
from tests.simulation.runtime.process import CURRENT
from tests.support.followed_flow_runs import a_prefect_stage

POINTS = 36
"""More steps than it takes from a request to the end."""


class Scenario(FlowRunSimulation):
    """One run, whose flow run completes or is cancelled. The web process is killed at a step; another one takes its place."""

    def __init__(self, point: int, end: str) -> None:
        super().__init__(0)
        self._left, self._end = point, end
        self.has_killed = False

    def count(self) -> None:
        """Kill the web process that reaches the step."""
        web = CURRENT.get()
        if not isinstance(web, FlowRunWeb) or self.has_killed:
            return
        self._left -= 1
        if self._left < 0:
            self.has_killed = True
            web.halt()
            self.store.end_transactions(web)
            self.webs[0] = self._start_web("web1")

    async def run(self) -> None:
        headgate = FlowRunWeb(self, "people").headgate
        await headgate.use_cases.create_pipeline([a_prefect_stage(retries=1)], "p")
        self.webs = [self._start_web("web0")]
        await asyncio.sleep(1.0)
        opened = await headgate.application.trigger_pipeline()(TriggerCommand("p", {}, Trigger("api", "mara"), actor=MARA))
        await asyncio.sleep(1.0)
        if self._end == "cancelled at once":
            await headgate.application.cancel_run()(opened.run_id, MARA)
        await self._end_flow_runs(FlowState.RUNNING)
        if self._end == "cancelled":
            await headgate.application.cancel_run()(opened.run_id, MARA)
            await asyncio.sleep(6.0)
        await self._end_flow_runs(FlowState.FAILED if self._end == "failed" else FlowState.COMPLETED)
        await asyncio.sleep(300.0)
        self.violations += find_violations(self.store.committed, self.prefect)

    async def _end_flow_runs(self, state: FlowState) -> None:
        for _ in range(45):
            await asyncio.sleep(2.0)
            for flow_run_id, flow_run in self.prefect.flow_runs.items():
                if flow_run.seen.state is FlowState.CANCELLING:
                    self.prefect.set_state(flow_run_id, FlowState.CANCELLED)
                elif not flow_run.seen.state.is_terminal and flow_run.seen.state is not state:
                    self.prefect.set_state(flow_run_id, state)


EXPECTED = {"completed": Status.COMPLETED, "failed": Status.FAILED, "cancelled": Status.CANCELLED, "cancelled at once": Status.CANCELLED}


@pytest.mark.parametrize("end", EXPECTED)
def test_a_kill_at_any_step_doubles_and_leaves_no_flow_run(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    killed = 0
    for point in range(POINTS):
        scenario = simulate(point, end, monkeypatch)
        [run] = scenario.store.committed.runs.values()

        assert scenario.violations == [], f"killed at step {point}"
        assert run.status is EXPECTED[end], f"killed at step {point}"
        assert len(scenario.prefect.flow_runs) == len([each for each in run.stages["train"].attempts if each.flow_run and each.flow_run.id])
        killed += scenario.has_killed

    assert killed >= 15


def simulate(point: int, end: str, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    scenario = Scenario(point, end)
    begin, commit, serve = SimulatedTransaction.begin_statement, SimulatedTransaction.commit, SimulatedDeployments.serve

    async def counted_begin(self: SimulatedTransaction) -> Any:
        scenario.count()
        await asyncio.sleep(0)  # a process that was killed does not continue
        return await begin(self)

    def counted_commit(self: SimulatedTransaction) -> None:
        commit(self)
        scenario.count()

    async def counted_serve(self: SimulatedDeployments, request: Any) -> Any:
        answer = await serve(self, request)
        scenario.count()
        await asyncio.sleep(0)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedTransaction, "begin_statement", counted_begin)
        patch.setattr(SimulatedTransaction, "commit", counted_commit)
        patch.setattr(SimulatedDeployments, "serve", counted_serve)
        patch.setattr(SimulatedDeployments, "boot", lambda self: None)
        scenario.loop.run(scenario.run())
    return scenario
