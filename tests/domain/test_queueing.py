"""What holds a queued run, the reason to be mended first."""

import pytest

from domain.queueing import Hold, Queueing, hold_of

SERVED = {"workers": 2, "slots": 8}


CASES = [
    (Queueing(is_carried=True, running=2, parallelism=2, holder_free=0), Hold.PARALLELISM),
    (Queueing(is_carried=True, running=1, parallelism=2, holder_free=0), Hold.HOLDER_FULL),
    (Queueing(is_carried=True, running=1, parallelism=2, holder_free=1), Hold.STARTING),
    (Queueing(is_carried=True, workers=0), Hold.STARTING),
    (Queueing(), Hold.NO_WORKER),
    (Queueing(**SERVED, free=0, ahead=3), Hold.SLOTS_TAKEN),
    (Queueing(**SERVED, free=1, ahead=3), Hold.IN_TURN),
    (Queueing(**SERVED, free=1), Hold.ABOUT_TO_START),
    (Queueing(**SERVED, free=1, is_refused=True, is_untold=True, engine_answers=False), Hold.ABOUT_TO_START),
    (Queueing(is_warm=False, is_refused=True, is_untold=True, engine_answers=False), Hold.REFUSED),
    (Queueing(is_warm=False, is_untold=True, engine_answers=False), Hold.ENGINE_AWAY),
    (Queueing(is_warm=False, is_untold=True, engine_answers=True), Hold.UNTOLD),
    (Queueing(is_warm=False, is_untold=True), Hold.UNTOLD),
    (Queueing(is_warm=False), Hold.ENGINES_WORKER),
]


@pytest.mark.parametrize(("facts", "hold"), CASES)
def test_a_queued_run_is_held_by_what_has_to_be_mended_first(facts: Queueing, hold: Hold) -> None:
    assert hold_of(facts) is hold


def test_every_hold_is_reached_by_some_facts() -> None:
    assert {hold for _, hold in CASES} == set(Hold)
