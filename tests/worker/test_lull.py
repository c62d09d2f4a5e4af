from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from entrypoints.worker.lull import Lull
from entrypoints.worker.worker import Rhythm
from tests.worker.gate import Gate, eventually
from tests.worker.working import at_work, sh

QUIET, PATIENCE = 0.05, 0.2


class Clock:
    """Goes on by what is slept, and is stirred at each of some moments on the way."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def _waited(lull: Lull, clock: Clock, monkeypatch: pytest.MonkeyPatch, stirred_for: float) -> float:
    began = clock.now

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        if clock.now - began < stirred_for:
            lull.stir()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await lull.wait(began)
    return clock.now - began


async def test_in_a_lull_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    assert await _waited(Lull(QUIET, PATIENCE, clock), clock, monkeypatch, 0) == 0


async def test_what_can_wait_waits_until_nothing_was_started_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    lull = Lull(QUIET, PATIENCE, clock)
    lull.stir()

    assert await _waited(lull, clock, monkeypatch, stirred_for=0.09) == pytest.approx(2 * QUIET)


async def test_patience_runs_out_with_a_worker_that_is_never_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    lull = Lull(QUIET, PATIENCE, clock)
    lull.stir()

    assert await _waited(lull, clock, monkeypatch, stirred_for=60) == pytest.approx(PATIENCE)


async def test_starts_and_reports_stir_what_waits(gate: Gate, tmp_path: Path) -> None:
    async with at_work(gate, tmp_path) as at:
        lull = at.worker.lull
        before = lull.stirred
        await gate.over(await gate.run(await gate.make(sh("only", "true"))))

        assert lull.stirred > before


async def test_a_sequence_costs_no_heartbeat_a_stage_though_each_step_takes_long(gate: Gate, tmp_path: Path) -> None:
    gate.slowness = 0.06
    pipeline = await gate.make(*(sh(f"s{number}", "true") for number in range(6)))

    async with at_work(gate, tmp_path, rhythm=Rhythm(heartbeat=60.0, drain=5.0)) as at:
        await gate.over(await gate.run(pipeline))
        await eventually(lambda: at.slots.free == 4)
        paths = [path.rpartition("/")[2] for path, _ in gate.requests]

    assert paths.count("advance") == 6
    assert paths.count("heartbeat") <= 3
