"""Hundreds of simulations of schedules under faults: outages of up to three hours, killed and frozen webs, clocks that jump."""

import os
from collections import Counter

import pytest

from domain.schedules.tick import TickState
from tests.simulation.schedules.tick_simulation import FAULTS, simulate_ticks

SEEDS = int(os.environ.get("HEADGATE_TEST_SEEDS", "2000")) // 40
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_no_tick_is_lost_or_doubled_under_faults(part: int) -> None:
    states: Counter[TickState] = Counter()
    faults: Counter[str] = Counter()

    for seed in range(part, SEEDS, PARTS):
        simulation = simulate_ticks(seed)
        assert simulation.violations == [], f"seed {seed}"
        states.update(tick.state for tick in simulation.store.committed.ticks.values())
        faults += simulation.faults

    assert set(states) >= {TickState.FIRED, TickState.LATE, TickState.MISSED, TickState.SKIPPED}
    assert set(faults) == set(FAULTS)


def test_a_seed_replays_exactly() -> None:
    for seed in range(5):
        assert simulate_ticks(seed).store.committed.ticks == simulate_ticks(seed).store.committed.ticks
