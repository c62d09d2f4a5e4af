"""A wrong clock of a worker or a reporter changes nothing: only the database's clock counts."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import pytest

from tests.chaos.faults import UNAFFECTED_PIPELINES, Fault, kill_every_backend
from tests.chaos.rounds import chaos_harness
from tests.chaos.stack import Stack


@pytest.mark.parametrize("hours", [1, -1])
def test_workers_and_reporters_with_a_wrong_clock_change_nothing(stack: Stack, run: asyncio.Runner, hours: int) -> None:
    async def run_with_skewed_reporter() -> list[str]:
        async with chaos_harness(stack, random.Random(hours), timedelta(hours=hours)) as harness:
            tally = await harness.run_round(
                Fault("nothing", kill_every_backend, UNAFFECTED_PIPELINES, pipelines=UNAFFECTED_PIPELINES), runs=8
            )
            assert tally.statuses == {"completed": tally.runs}
            return tally.findings.all

    argv = ("-P", "-m", "tests.chaos.skewed_clock", str(3600 * hours))
    skewed = [stack.build_worker(f"skewed-{position}-{hours}", position, argv) for position in range(2)]
    usual, stack.workers = stack.workers, skewed
    for process in usual:
        process.terminate(30)
    for process in skewed:
        process.start()
    try:
        stack.wait_until_ready()
        assert run.run(run_with_skewed_reporter()) == []
    finally:
        stack.workers = usual
        for process in skewed:
            process.end()
