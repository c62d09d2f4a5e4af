"""Leases on claimed dispatches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lease:
    run_id: int
    epoch: int
    worker: str


class Leases(Protocol):
    """Leases of workers on their dispatches. All times are those of the store's clock."""

    async def grant(self, lease: Lease, seconds: float) -> None:
        """Store the lease, replacing one of an earlier dispatch of the run."""
        ...

    async def renew(self, worker: str, dispatches: Sequence[tuple[int, int]], seconds: float) -> set[tuple[int, int]]:
        """Extend the worker's leases on these (run id, epoch) pairs. Returns the extended ones; expired leases cannot be renewed."""
        ...

    async def release(self, run_id: int, epoch: int) -> None: ...

    async def find_expired(self, limit: int) -> list[Lease]:
        """Return expired leases, not locked. Callers lock the run and check `is_expired` again."""
        ...

    async def is_expired(self, run_id: int, epoch: int) -> bool:
        """Return True if the lease is expired now, rather than at the start of the transaction."""
        ...

    async def get_time(self) -> datetime:
        """Return the time now by the clock that decides whether a lease is expired."""
        ...

    async def extend_all(self, seconds: float) -> None:
        """Give every lease a full term from now, after a time in which leases could not be renewed."""
        ...

    async def find_held_by(self, worker: str) -> list[Lease]:
        """Return the worker's leases that are not expired."""
        ...
