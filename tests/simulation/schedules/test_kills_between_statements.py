"""A web process is killed at each statement of the transactions that decide ticks, and after each commit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.actors.store import SimulatedTransaction
from tests.simulation.actors.web import Web
from tests.simulation.plan import Plan
from tests.simulation.runtime.process import CURRENT
from tests.simulation.schedules.schedule_plan import a_scheduled_pipeline
from tests.simulation.simulation import Simulation, SimulationResult, simulate

POINTS = 24
"""The statements and commits of two ticks and of the start of one that waited."""
DEAD_SECONDS = 1.0
PIPELINE_ID = 1


class Killer:
    """Kills the web process at a point, which is the number of a statement or a commit while it decides ticks."""

    def __init__(self, point: int) -> None:
        self._left = point
        self.has_killed = False

    def count(self, simulation: Simulation) -> None:
        web = CURRENT.get()
        if not isinstance(web, Web) or self.has_killed:
            return
        self._left -= 1
        if self._left < 0:
            self.has_killed = True
            web.kill()
            simulation.loop.call_later(DEAD_SECONDS, web.boot)


@pytest.mark.parametrize("overlap", ["queue_one", "cancel_running"])
def test_a_kill_at_any_statement_loses_and_doubles_no_tick(overlap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {"name": "main", "every": 5, "offset": 0, "jitter": 0, "catch_up": "all", "overlap": overlap}
    plan = Plan(0, (a_scheduled_pipeline([written]),), (), webs=2, workers=1, slots=2, chaos=11.0, faults=())
    has_long_run = (each for seed in range(100) if (each := replace(plan, seed=seed)).work(1, "work", 1).seconds > 6.0)
    plan = next(has_long_run)  # the second tick meets the run of the first
    killed = 0

    for point in range(POINTS):
        killer = Killer(point)
        result = _simulate(plan, killer.count, monkeypatch)

        assert [str(violation) for violation in result.violations] == [], f"killed at statement {point}"
        killed += killer.has_killed

    assert killed == POINTS


def _simulate(plan: Plan, count: Callable[[Simulation], None], monkeypatch: pytest.MonkeyPatch) -> SimulationResult:
    """Simulate the plan. `count` is called before the statements of transactions that lock a schedule, and after their commits."""
    seen: list[Simulation] = []
    begin, commit = SimulatedTransaction.begin_statement, SimulatedTransaction.commit

    async def counted_begin(self: SimulatedTransaction) -> Any:
        if self.holds("pipeline", PIPELINE_ID):
            count(seen[0])
        return await begin(self)

    def counted_commit(self: SimulatedTransaction) -> None:
        is_of_tick = self.holds("pipeline", PIPELINE_ID)
        commit(self)
        if is_of_tick:
            count(seen[0])

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedTransaction, "begin_statement", counted_begin)
        patch.setattr(SimulatedTransaction, "commit", counted_commit)
        return simulate(plan, seen.append)
