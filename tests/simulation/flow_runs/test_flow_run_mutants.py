"""Every mutant must be caught by the simulation of flow runs."""

import pytest

from tests.simulation.flow_runs.flow_run_simulation import simulate_flow_runs
from tests.simulation.mutations.flow_run_mutants import FLOW_RUN_MUTANTS

SEEDS = 100


@pytest.mark.parametrize("what", FLOW_RUN_MUTANTS)
def test_every_mutant_is_caught(what: str) -> None:
    mutant = FLOW_RUN_MUTANTS[what]

    with mutant.remove_guard():
        caught = any(simulate_flow_runs(seed).violations for seed in (mutant.first_seed, *range(SEEDS)))

    assert caught, f"no simulation notices that {what}"


def test_there_are_mutants() -> None:
    assert len(FLOW_RUN_MUTANTS) >= 12
