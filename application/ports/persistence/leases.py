"""Leases on claimed dispatches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lease:
    run_id: int
    epoch: int
    worker: str


class Leases(Protocol):
    """Who carries which dispatch until when, by the store's clock."""

    async def grant(self, lease: Lease, seconds: float) -> None:
        """Give the run's lease to this dispatch, replacing what an earlier dispatch left."""
        ...

    async def renew(self, worker: str, dispatches: Sequence[tuple[int, int]], seconds: float) -> set[tuple[int, int]]:
        """Extend the (run id, epoch) pairs that this worker still holds; an expired lease cannot be renewed. Returns those extended."""
        ...

    async def release(self, run_id: int, epoch: int) -> None: ...

    async def find_expired(self, limit: int) -> list[Lease]:
        """Leases past their end by the store's clock at this moment, not locked: lock the run and check `is_expired` again."""
        ...

    async def is_expired(self, run_id: int, epoch: int) -> bool:
        """Read by the store's clock at this moment (not the transaction's start)."""
        ...

    async def extend_all(self, seconds: float) -> None:
        """Give every lease a full term from now: the sweep was not watching, so it may not judge."""
        ...

    async def find_held_by(self, worker: str) -> list[Lease]:
        """Leases of this worker that are not expired."""
        ...
