"""A selection of the faults; `make chaos` causes all of them, many times."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.rounds import chaos_harness
from tests.chaos.stack import Stack

_SELECTED = (
    "web killed",
    "worker killed",
    "worker stopped, long",
    "stage host killed",
    "stage killed",
    "every backend killed",
    "postmaster killed",
    "workers rolled",
)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in _SELECTED], ids=lambda fault: fault.name)
def test_no_run_is_lost_or_stuck_or_executed_twice(stack: Stack, run: asyncio.Runner, fault: Fault) -> None:
    async def run_round() -> list[str]:
        async with chaos_harness(stack, random.Random(fault.name)) as harness:
            tally = await harness.run_round(fault, runs=3)
            assert tally.runs >= 3
            assert tally.acknowledged >= 3
            return tally.findings.all

    assert run.run(run_round()) == []


def test_every_selected_fault_exists() -> None:
    assert set(_SELECTED) <= {fault.name for fault in FAULTS}
