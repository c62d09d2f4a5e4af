"""Leases in memory. Times are the store's clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from application.ports.persistence.leases import Lease
from tests.fakes.persistence import values
from tests.fakes.persistence.store import LeaseRow
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeLeases:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def grant(self, lease: Lease, seconds: float) -> None:
        tx = await self._transaction.begin_statement()
        if lease.run_id not in tx.runs:
            raise tx.abort(RowRejected(f"there is no run {lease.run_id}"))
        values.text(lease.worker)
        await tx.lock("lease", lease.run_id)
        tx.leases[lease.run_id] = LeaseRow(lease, self._seconds_from_now(seconds))

    async def renew(self, worker: str, dispatches: Sequence[tuple[int, int]], seconds: float) -> set[tuple[int, int]]:
        tx = await self._transaction.begin_statement()
        extended: set[tuple[int, int]] = set()
        for run_id, epoch in sorted(set(dispatches)):
            if run_id not in tx.leases:
                continue
            await tx.lock("lease", run_id)
            row = tx.leases.get(run_id)
            if row and row.lease == Lease(run_id, epoch, worker) and not self._is_expired(row):
                tx.leases[run_id] = replace(row, until=self._seconds_from_now(seconds))
                extended.add((run_id, epoch))
        return extended

    async def release(self, run_id: int, epoch: int) -> None:
        tx = await self._transaction.begin_statement()
        if run_id in tx.leases and tx.leases[run_id].lease.epoch == epoch:
            await tx.lock("lease", run_id)
            if run_id in tx.leases and tx.leases[run_id].lease.epoch == epoch:
                del tx.leases[run_id]

    async def find_expired(self, limit: int) -> list[Lease]:
        tx = await self._transaction.begin_statement()
        expired = sorted((row for row in tx.leases.values() if self._is_expired(row)), key=lambda row: row.until)
        return [row.lease for row in expired[:limit]]

    async def is_expired(self, run_id: int, epoch: int) -> bool:
        tx = await self._transaction.begin_statement()
        row = tx.leases.get(run_id)
        return row is not None and row.lease.epoch == epoch and self._is_expired(row)

    async def get_time(self) -> datetime:
        await self._transaction.begin_statement()
        return self._transaction.store.clock.now()

    async def extend_all(self, seconds: float) -> None:
        tx = await self._transaction.begin_statement()
        for run_id in sorted(tx.leases):
            await tx.lock("lease", run_id)
            if run_id in tx.leases:
                tx.leases[run_id] = replace(tx.leases[run_id], until=self._seconds_from_now(seconds))

    async def find_held_by(self, worker: str) -> list[Lease]:
        tx = await self._transaction.begin_statement()
        return [row.lease for _, row in sorted(tx.leases.items()) if row.lease.worker == worker and not self._is_expired(row)]

    def _seconds_from_now(self, seconds: float) -> datetime:
        return self._transaction.store.clock.now() + timedelta(seconds=seconds)

    def _is_expired(self, row: LeaseRow) -> bool:
        return row.until <= self._transaction.store.clock.now()
