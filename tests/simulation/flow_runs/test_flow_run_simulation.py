"""Simulations of flow runs: one for each attempt, and none that is left under way, whatever fails."""

import os
from collections import Counter

import pytest

from tests.simulation.flow_runs.flow_run_simulation import FAULTS, simulate_flow_runs

SEEDS = int(os.environ.get("HEADGATE_TEST_SEEDS", "1000")) // 20
PARTS = 2


@pytest.mark.parametrize("part", range(PARTS))
def test_no_flow_run_is_doubled_or_left_under_way(part: int) -> None:
    faults: Counter[str] = Counter()

    for seed in range(part, SEEDS, PARTS):
        simulation = simulate_flow_runs(seed)
        assert simulation.violations == [], f"seed {seed}"
        faults += simulation.faults

    assert set(faults) >= {*FAULTS, "cancel run", "cancel stage", "retry", "read log"}


def test_a_seed_replays_exactly() -> None:
    for seed in range(3):
        first, second = (simulate_flow_runs(seed) for _ in range(2))
        assert first.faults == second.faults
        assert list(first.store.committed.events.items()) == list(second.store.committed.events.items())
