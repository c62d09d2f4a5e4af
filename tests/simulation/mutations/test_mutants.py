"""Each guard is removed once, and the simulation or the model of reports must notice: a mutant that survives fails here."""

import asyncio

import pytest

from tests.simulation.mutations.mutants import MUTANTS, Mutant
from tests.simulation.reports.histories import judge_by_domain, judge_by_model, make_history
from tests.simulation.simulation import simulate
from tests.support.in_process import InProcessHeadgate

SEEDS = 150
HISTORIES = 1_000


@pytest.mark.parametrize("what", MUTANTS)
def test_without_this_guard_something_shows(what: str) -> None:
    mutant = MUTANTS[what]

    with mutant.removed():
        shown = asyncio.run(shows_in_steps()) if mutant.in_steps else _shows(mutant)

    assert shown, f"nothing notices that {what}"


def test_with_every_guard_in_place_nothing_shows() -> None:
    assert len(MUTANTS) >= 10
    assert not shows_in_reports()
    assert not asyncio.run(shows_in_steps())
    for mutant in MUTANTS.values():
        assert not any(simulate(mutant.plan(seed)).violations for seed in range(5))


def _shows(mutant: Mutant) -> bool:
    return shows_in_reports() if mutant.in_reports else shows_in_lives(mutant)


def shows_in_lives(mutant: Mutant) -> bool:
    return any(simulate(mutant.plan(seed)).violations for seed in range(SEEDS))


async def shows_in_steps() -> bool:
    """A step whose answer was lost is asked for again."""
    headgate = InProcessHeadgate()
    await headgate.use_cases.create_pipeline(2)
    run_id = (await headgate.use_cases.trigger()).run_id
    await headgate.use_cases.claim(run_id)
    answered = await headgate.use_cases.advance(run_id, ("a", "completed"))
    return (await headgate.use_cases.advance(run_id, ("a", "completed"))).starts != answered.starts


def shows_in_reports() -> bool:
    histories = map(make_history, range(HISTORIES))
    return any(judge_by_domain(history) != judge_by_model(history) for history in histories)
