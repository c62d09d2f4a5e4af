"""Every mutant must be caught by the simulation, by the model of reports or by a repeated step."""

import asyncio

import pytest

from tests.simulation.mutations import backfill_mutants, limit_mutants, schedule_mutants
from tests.simulation.mutations.mutants import MUTANTS, Mutant
from tests.simulation.reports.histories import judge_by_domain, judge_by_model, make_history
from tests.simulation.runtime import virtual_loop
from tests.simulation.simulation import simulate
from tests.support.in_process import InProcessHeadgate

SEEDS = 400
HISTORIES = 1_000
MAX_STEPS = 100_000
"""Enough for these simulations without a mutant. A mutant that loops endlessly is caught sooner."""


@pytest.fixture(autouse=True)
def _stop_endless_loops_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_loop, "MAX_STEPS", MAX_STEPS)


@pytest.mark.parametrize("what", MUTANTS)
def test_every_mutant_is_caught(what: str) -> None:
    mutant = MUTANTS[what]

    with mutant.remove_guard():
        caught = asyncio.run(is_caught_in_steps()) if mutant.in_steps else _is_caught(mutant)

    assert caught, f"no test notices that {what}"


def test_without_a_mutant_nothing_is_caught() -> None:
    assert len(MUTANTS) >= 10
    assert set(schedule_mutants.NAMES) < set(MUTANTS)
    assert len(backfill_mutants.NAMES) >= 3 and set(backfill_mutants.NAMES) < set(MUTANTS)
    assert len(limit_mutants.NAMES) >= 10 and set(limit_mutants.NAMES) < set(MUTANTS)
    assert not is_caught_in_reports()
    assert not asyncio.run(is_caught_in_steps())
    plans = [mutant.plan(seed) for mutant in MUTANTS.values() for seed in range(5)]
    for plan in {repr(plan): plan for plan in plans}.values():
        assert not simulate(plan).violations, plan


def _is_caught(mutant: Mutant) -> bool:
    return is_caught_in_reports() if mutant.in_reports else is_caught_in_lives(mutant)


def is_caught_in_lives(mutant: Mutant) -> bool:
    seeds = sorted(range(SEEDS), key=lambda seed: seed != mutant.first_seed)
    return any(simulate(mutant.plan(seed)).violations for seed in seeds)


async def is_caught_in_steps() -> bool:
    """Repeat a step whose answer was lost."""
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    answered = await headgate.use_cases.advance(run_id, ("a", "completed"))
    return (await headgate.use_cases.advance(run_id, ("a", "completed"))).starts != answered.starts


def is_caught_in_reports() -> bool:
    histories = map(make_history, range(HISTORIES))
    return any(judge_by_domain(history) != judge_by_model(history) for history in histories)
