"""Expires the leases of workers that stopped renewing them."""

from datetime import datetime, timedelta

from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups

BATCH_SIZE = 100
MAX_GAP_SECONDS = 5.0
"""The longest time in which a sweeper may not have seen the store. After a longer gap it expires no leases at first."""
MAX_GAP_SHARE = 0.5
"""The longest gap as a share of the lease, for short leases."""


class LeaseSweeper:
    """Marks dispatches whose lease has expired as lost.

    After a gap it extends every lease by a full term instead, because workers could not renew them while the store or the web was frozen.
    A gap is measured by the clock that decides whether a lease is expired, so it does not matter which of the two was frozen.
    """

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: LocalWakeups, lease_seconds: float) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups
        self._lease_seconds = lease_seconds
        self._max_gap = timedelta(seconds=min(MAX_GAP_SECONDS, MAX_GAP_SHARE * lease_seconds))
        self._seen_at: datetime | None = None

    async def run_once(self) -> None:
        last, self._seen_at = self._seen_at, None  # stays None if this pass fails
        last = await self._expire_leases(last) if last is not None else None
        self._seen_at = last or await self._extend_all()

    async def _extend_all(self) -> datetime:
        async with self._open_unit_of_work() as work:
            await work.leases.extend_all(self._lease_seconds)
            now = await work.leases.get_time()
            await work.commit()
        return now

    async def _expire_leases(self, last: datetime) -> datetime | None:
        """Return when this pass saw the store for the last time; None if a gap ended it."""
        async with self._open_unit_of_work() as work:
            candidates = await work.leases.find_expired(BATCH_SIZE)
            seen_at = await self._look(work, last)
        for lease in candidates:
            if seen_at is not None:
                seen_at = await self._expire_lease(lease.run_id, lease.epoch, seen_at)
        return seen_at

    async def _expire_lease(self, run_id: int, epoch: int, last: datetime) -> datetime | None:
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([run_id])).get(run_id)
            is_expired = run is not None and await work.leases.is_expired(run_id, epoch)
            seen_at = await self._look(work, last)
            if run is None or not is_expired or seen_at is None:
                return seen_at
            if run.lose_dispatch(epoch, self._clock.now()):
                await work.runs.save(run)
            await work.leases.release(run_id, epoch)
            await work.commit()
        self._wakeups.notify_committed([run])
        return seen_at

    async def _look(self, work: UnitOfWork, last: datetime) -> datetime | None:
        """Return the store's time; None if it has not been seen for too long. A lease that was found expired may be so because of that."""
        now = await work.leases.get_time()
        return now if now - last <= self._max_gap else None
