from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from entrypoints.worker.runner.idle_window import IdleWindow
from entrypoints.worker.runner.worker import WorkerTimings
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import running_worker, sh

QUIET, MAX_WAIT = 0.05, 0.2


class Clock:
    """A clock that only sleeping advances."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def _measure_wait(window: IdleWindow, clock: Clock, monkeypatch: pytest.MonkeyPatch, busy_seconds: float) -> float:
    started_at = clock.now

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        if clock.now - started_at < busy_seconds:
            window.mark_activity()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await window.wait(started_at)
    return clock.now - started_at


async def test_an_idle_worker_lets_work_start_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    assert await _measure_wait(IdleWindow(QUIET, MAX_WAIT, clock), clock, monkeypatch, 0) == 0


async def test_work_waits_until_the_worker_has_been_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    window = IdleWindow(QUIET, MAX_WAIT, clock)
    window.mark_activity()

    assert await _measure_wait(window, clock, monkeypatch, busy_seconds=0.09) == pytest.approx(2 * QUIET)


async def test_work_waits_no_longer_than_the_maximum_on_a_busy_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    window = IdleWindow(QUIET, MAX_WAIT, clock)
    window.mark_activity()

    assert await _measure_wait(window, clock, monkeypatch, busy_seconds=60) == pytest.approx(MAX_WAIT)


async def test_starts_and_reports_count_as_activity(web: ServedHeadgate, tmp_path: Path) -> None:
    async with running_worker(web, tmp_path) as running:
        window = running.worker.idle_window
        before = window.last_activity
        await web.wait_until_over(await web.trigger(await web.create_pipeline(sh("only", "true"))))

        assert window.last_activity > before


async def test_slow_steps_of_a_sequence_cause_no_extra_heartbeats(web: ServedHeadgate, tmp_path: Path) -> None:
    web.faults.delays["advance"] = 0.06
    pipeline = await web.create_pipeline(*(sh(f"s{number}", "true") for number in range(6)))

    async with running_worker(web, tmp_path, timings=WorkerTimings(heartbeat=60.0, drain=5.0)) as running:
        await web.wait_until_over(await web.trigger(pipeline))
        await eventually(lambda: running.slots.free == 4)
        paths = [path.rpartition("/")[2] for path, _ in web.faults.requests]

    assert paths.count("advance") == 6
    assert paths.count("heartbeat") <= 3
