"""A few faults of each important kind; `make chaos` tries them all, many times."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.rounds import chaos_harness
from tests.chaos.stack import Stack

_CHOSEN = (
    "web killed",
    "worker killed",
    "worker stopped, long",
    "stage host killed",
    "stage killed",
    "every backend killed",
    "postmaster killed",
    "workers rolled",
)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in _CHOSEN], ids=lambda fault: fault.name)
def test_nothing_is_lost_or_stuck_or_run_twice(stack: Stack, run: asyncio.Runner, fault: Fault) -> None:
    async def strike() -> list[str]:
        async with chaos_harness(stack, random.Random(fault.name)) as harness:
            tally = await harness.round(fault, runs=3)
            assert tally.runs >= 3
            assert tally.acknowledged >= 3
            return tally.findings.all

    assert run.run(strike()) == []


def test_every_chosen_fault_is_one_that_exists() -> None:
    assert set(_CHOSEN) <= {fault.name for fault in FAULTS}
