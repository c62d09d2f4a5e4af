"""Simulations of limited pipelines under faults: no limit is exceeded, and no request waits while it fits. `make simulate` runs more."""

import os

import pytest

from tests.simulation.backfills.backfill_plan import CHANGES
from tests.simulation.limits.limit_plan import LIMIT_OPERATIONS
from tests.simulation.plan import make_plan
from tests.simulation.shrink import shrink
from tests.simulation.simulation import SimulationResult, simulate

SEEDS = int(os.environ.get("HEADGATE_TEST_SEEDS", "1000")) // 20
PARTS = 3


@pytest.mark.parametrize("part", range(PARTS))
def test_no_limit_is_exceeded_and_no_request_waits_while_it_fits(part: int) -> None:
    for seed in range(part, SEEDS, PARTS):
        result = simulate(make_plan(seed, limits=LIMIT_OPERATIONS))
        if result.violations:
            pytest.fail(_describe(shrink(result.plan)))


def test_every_operation_happens_and_runs_wait_for_slots() -> None:
    missing = {*LIMIT_OPERATIONS, *CHANGES, "start backfill", "trigger", "trigger refused", "run.limited", "run.granted", "stage.granted"}

    for seed in range(100):
        result = simulate(make_plan(seed, limits=LIMIT_OPERATIONS))
        missing -= {what for _, what, _ in result.history.entries}
        if not missing:
            break

    assert not missing


def test_a_seed_replays_exactly() -> None:
    for seed in range(3):
        first, second = (simulate(make_plan(seed, limits=LIMIT_OPERATIONS)) for _ in range(2))
        assert first.history.digest() == second.history.digest(), seed


def _describe(result: SimulationResult) -> str:
    history = "\n".join(result.history.lines())
    return f"seed {result.plan.seed}, at its shortest:\n{result.plan}\n{history}\n" + "\n".join(map(str, result.violations))
