"""Looks after what nobody speaks for: leases that ran out, retries that are due, deadlines that passed."""

import time
from collections.abc import Callable

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups

BATCH = 100
MAX_PASS_GAP_SECONDS = 5.0
"""Seconds between passes beyond which this sweep may not judge leases: workers could not renew while we were away."""


class LeaseSweeper:
    """A dispatch whose lease ran out is lost. After a gap of ours every lease first gets a full term, so an outage of ours loses nothing."""

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        clock: Clock,
        wakeups: LocalWakeups,
        lease_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups
        self._lease_seconds = lease_seconds
        self._monotonic = monotonic
        self._last_pass: float | None = None

    async def run_once(self) -> None:
        last, self._last_pass = self._last_pass, None  # stays None when this pass fails
        if last is None or self._monotonic() - last > MAX_PASS_GAP_SECONDS:
            await self._extend_all()
        else:
            await self._expire()
        self._last_pass = self._monotonic()

    async def _extend_all(self) -> None:
        async with self._open_unit_of_work() as work:
            await work.leases.extend_all(self._lease_seconds)
            await work.commit()

    async def _expire(self) -> None:
        async with self._open_unit_of_work() as work:
            candidates = await work.leases.find_expired(BATCH)
        for lease in candidates:
            await self._expire_one(lease.run_id, lease.epoch)

    async def _expire_one(self, run_id: int, epoch: int) -> None:
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([run_id])).get(run_id)
            if run is None or not await work.leases.is_expired(run_id, epoch):
                return
            if run.lose_dispatch(epoch, self._clock.now()):
                await work.runs.save(run)
            await work.leases.release(run_id, epoch)
            await work.commit()
        self._wakeups.notify_committed([run])
