"""Each guard is removed once, and the simulation or the model of reports must notice: a mutant that survives fails here."""

import asyncio

import pytest

from tests.application.system import System
from tests.mutations.mutants import MUTANTS, Mutant
from tests.simulation.report_histories import a_history, by_the_domain, by_the_model
from tests.simulation.world import lived

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
        assert not any(lived(mutant.plan(seed)).violations for seed in range(5))


def _shows(mutant: Mutant) -> bool:
    return shows_in_reports() if mutant.in_reports else shows_in_lives(mutant)


def shows_in_lives(mutant: Mutant) -> bool:
    return any(lived(mutant.plan(seed)).violations for seed in range(SEEDS))


async def shows_in_steps() -> bool:
    """A step whose answer was lost is asked for again."""
    system = System()
    await system.create(2)
    run_id = (await system.trigger()).run_id
    await system.claim(run_id)
    answered = await system.advance(run_id, ("a", "completed"))
    return (await system.advance(run_id, ("a", "completed"))).starts != answered.starts


def shows_in_reports() -> bool:
    histories = map(a_history, range(HISTORIES))
    return any(by_the_domain(history) != by_the_model(history) for history in histories)
