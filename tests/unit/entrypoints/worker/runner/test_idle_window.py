from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from entrypoints.worker.runner.idle_window import IdleWindow
from entrypoints.worker.runner.worker import WorkerTimings
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import running_worker, sh

QUIET, PATIENCE = 0.05, 0.2


class Clock:
    """Goes on by what is slept, and is stirred at each of some moments on the way."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def _waited(idle_window: IdleWindow, clock: Clock, monkeypatch: pytest.MonkeyPatch, stirred_for: float) -> float:
    began = clock.now

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        if clock.now - began < stirred_for:
            idle_window.mark_activity()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await idle_window.wait(began)
    return clock.now - began


async def test_in_a_lull_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    assert await _waited(IdleWindow(QUIET, PATIENCE, clock), clock, monkeypatch, 0) == 0


async def test_what_can_wait_waits_until_nothing_was_started_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    idle_window = IdleWindow(QUIET, PATIENCE, clock)
    idle_window.mark_activity()

    assert await _waited(idle_window, clock, monkeypatch, stirred_for=0.09) == pytest.approx(2 * QUIET)


async def test_patience_runs_out_with_a_worker_that_is_never_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    idle_window = IdleWindow(QUIET, PATIENCE, clock)
    idle_window.mark_activity()

    assert await _waited(idle_window, clock, monkeypatch, stirred_for=60) == pytest.approx(PATIENCE)


async def test_starts_and_reports_stir_what_waits(web: ServedHeadgate, tmp_path: Path) -> None:
    async with running_worker(web, tmp_path) as at:
        idle_window = at.worker.idle_window
        before = idle_window.last_activity
        await web.wait_until_over(await web.trigger(await web.create_pipeline(sh("only", "true"))))

        assert idle_window.last_activity > before


async def test_a_sequence_costs_no_heartbeat_a_stage_though_each_step_takes_long(web: ServedHeadgate, tmp_path: Path) -> None:
    web.faults.delays["advance"] = 0.06
    pipeline = await web.create_pipeline(*(sh(f"s{number}", "true") for number in range(6)))

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=60.0, drain=5.0)) as at:
        await web.wait_until_over(await web.trigger(pipeline))
        await eventually(lambda: at.slots.free == 4)
        paths = [path.rpartition("/")[2] for path, _ in web.faults.requests]

    assert paths.count("advance") == 6
    assert paths.count("heartbeat") <= 3
