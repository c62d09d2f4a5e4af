"""Expires the leases of workers that stopped renewing them."""

from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.persistence.leases import Lease
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.maintenance.gap_detector import GapDetector

BATCH_SIZE = 100
MAX_GAP_SECONDS = 5.0
"""The longest time in which a sweeper may not have seen the store. After a longer gap it expires no leases at first."""
MAX_GAP_SHARE = 0.5
"""The longest gap as a share of the lease, for short leases."""


class LeaseSweeper:
    """Marks dispatches whose lease has expired as lost.

    After a gap it extends every lease by a full term instead, because workers could not renew them while the store or the web was frozen.
    The worker's stream is ended, so that it gets no further work until it answers again: its network may keep the connection open.
    A gap is measured by the clock that decides whether a lease is expired, so it does not matter which of the two was frozen.
    """

    def __init__(
        self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: LocalWakeups, worker_streams: WorkerStreams, lease_seconds: float
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups
        self._worker_streams = worker_streams
        self._lease_seconds = lease_seconds
        self._gaps = GapDetector(min(MAX_GAP_SECONDS, MAX_GAP_SHARE * lease_seconds))
        self._has_extended = False

    async def run_once(self) -> None:
        has_extended, self._has_extended = self._has_extended, False  # stays False if this pass fails
        if not has_extended or not await self._expire_leases():
            await self._extend_all()
        self._has_extended = True

    async def _extend_all(self) -> None:
        async with self._open_unit_of_work() as work:
            await work.leases.extend_all(self._lease_seconds)
            await self._ends_gap(work)
            await work.commit()

    async def _expire_leases(self) -> bool:
        """Return False if a gap ended the pass."""
        async with self._open_unit_of_work() as work:
            candidates = await work.leases.find_expired(BATCH_SIZE)
            if await self._ends_gap(work):
                return False
        for lease in candidates:
            if not await self._expire_lease(lease):
                return False
        return True

    async def _expire_lease(self, lease: Lease) -> bool:
        """Return False if a gap ended the pass."""
        run_id, epoch = lease.run_id, lease.epoch
        async with self._open_unit_of_work() as work:
            run = (await work.runs.lock([run_id])).get(run_id)
            is_expired = run is not None and await work.leases.is_expired(run_id, epoch)
            if await self._ends_gap(work):
                return False
            if run is None or not is_expired:
                return True
            if run.lose_dispatch(epoch, self._clock.now()):
                await work.runs.save(run)
            await work.leases.release(run_id, epoch)
            await work.commit()
        self._worker_streams.disconnect(lease.worker)
        self._wakeups.notify_committed([run])
        return True

    async def _ends_gap(self, work: UnitOfWork) -> bool:
        """Return True if the store has not been seen for too long. A lease that was found expired may be so because of that."""
        return self._gaps.ends_gap(await work.leases.get_time())
