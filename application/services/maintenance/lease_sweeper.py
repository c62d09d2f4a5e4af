"""Expires the leases of workers that stopped renewing them."""

import time
from collections.abc import Callable

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups

BATCH_SIZE = 100
MAX_PASS_GAP_SECONDS = 5.0
"""After a longer gap between passes, this sweeper expires no leases at first: workers could not renew them while the web was down."""


class LeaseSweeper:
    """Marks dispatches whose lease has expired as lost.

    After a gap between passes it extends every lease by a full term instead, so that an outage of Headgate does not lose any work.
    """

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
        last, self._last_pass = self._last_pass, None  # stays None if this pass fails
        if last is None or self._monotonic() - last > MAX_PASS_GAP_SECONDS:
            await self._extend_all()
        else:
            await self._expire_leases()
        self._last_pass = self._monotonic()

    async def _extend_all(self) -> None:
        async with self._open_unit_of_work() as work:
            await work.leases.extend_all(self._lease_seconds)
            await work.commit()

    async def _expire_leases(self) -> None:
        async with self._open_unit_of_work() as work:
            candidates = await work.leases.find_expired(BATCH_SIZE)
        for lease in candidates:
            await self._expire_lease(lease.run_id, lease.epoch)

    async def _expire_lease(self, run_id: int, epoch: int) -> None:
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([run_id])).get(run_id)
            if run is None or not await work.leases.is_expired(run_id, epoch):
                return
            if run.lose_dispatch(epoch, self._clock.now()):
                await work.runs.save(run)
            await work.leases.release(run_id, epoch)
            await work.commit()
        self._wakeups.notify_committed([run])
