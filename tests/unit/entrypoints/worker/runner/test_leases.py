"""When a worker judges its leases. Time is virtual."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random

from entrypoints.worker.runner.leases import HeartbeatSignal, LeaseMonitor
from entrypoints.worker_protocol.messages import DispatchKey
from tests.simulation.runtime.process import Process
from tests.simulation.runtime.virtual_loop import VirtualLoop

LEASE, FENCE = 20.0, 15.0
KEY = (1, 1)


class WatchedLeases:
    """A monitor in a process that can be frozen. `fenced_at` has the time of each judgement."""

    def __init__(self) -> None:
        self.process = Process("worker", lambda defect: None)
        self.signal = HeartbeatSignal()
        self.monitor = LeaseMonitor(LEASE, self.signal)
        self.fenced_at: list[float] = []

    def note(self, key: DispatchKey) -> None:
        self.fenced_at.append(asyncio.get_running_loop().time())


@contextlib.asynccontextmanager
async def watched_leases() -> AsyncIterator[WatchedLeases]:
    leases = WatchedLeases()
    task = leases.process.spawn(leases.monitor.watch(leases.note))
    await asyncio.sleep(0.1)
    leases.monitor.add(KEY)
    try:
        yield leases
    finally:
        task.cancel()


def test_a_lease_that_is_not_renewed_is_overdue_before_it_expires() -> None:
    async def wait() -> float:
        async with watched_leases() as leases:
            await asyncio.sleep(LEASE)
            return leases.fenced_at[0]

    assert FENCE <= VirtualLoop(Random(0)).run(wait()) < LEASE


def test_a_worker_that_stood_still_renews_before_it_judges() -> None:
    async def stand_still() -> tuple[list[float], bool]:
        async with watched_leases() as leases:
            await asyncio.sleep(3.0)
            leases.process.freeze()
            await asyncio.sleep(60.0)
            leases.process.thaw()
            await asyncio.sleep(2.0)
            is_renewal_due = leases.signal.due.is_set()
            leases.monitor.renew(KEY, asyncio.get_running_loop().time())
            await asyncio.sleep(10.0)
            return leases.fenced_at, is_renewal_due

    assert VirtualLoop(Random(0)).run(stand_still()) == ([], True)


def test_a_worker_that_cannot_renew_after_a_freeze_judges_at_last() -> None:
    async def stand_still() -> list[float]:
        async with watched_leases() as leases:
            leases.process.freeze()
            await asyncio.sleep(60.0)
            leases.process.thaw()
            await asyncio.sleep(6.0)
            return leases.fenced_at

    assert VirtualLoop(Random(0)).run(stand_still())


def test_a_claim_that_was_delivered_during_a_freeze_has_to_be_renewed_first() -> None:
    async def claim_late() -> tuple[bool, bool]:
        async with watched_leases() as leases:
            leases.process.freeze()
            await asyncio.sleep(60.0)
            leases.monitor.add((2, 1))
            leases.process.thaw()
            waiting = asyncio.create_task(leases.monitor.wait_until_fresh((2, 1)))
            await asyncio.sleep(1.0)
            was_waiting = not waiting.done()
            leases.monitor.renew((2, 1), asyncio.get_running_loop().time())
            await asyncio.sleep(1.0)
            return was_waiting, waiting.done()

    assert VirtualLoop(Random(0)).run(claim_late()) == (True, True)
