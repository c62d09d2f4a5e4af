"""How the store and what stands on it are doing, in few numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PoolMetrics:
    """The living workers of one work pool."""

    pool: str
    workers: int
    slots: int
    free: int


@dataclass(frozen=True, slots=True)
class HealthMetrics:
    """`outbox_age` is the oldest row's, in seconds; `late` are runs that are still queued long after they were opened."""

    outbox_depth: int
    outbox_age: float
    waiting: int
    late: int
    pools: Sequence[PoolMetrics] = field(default_factory=tuple)
    store_version: str = ""


class HealthMetricsReader(Protocol):
    async def read(self, late_after: float, seen_within: float) -> HealthMetrics:
        """Now. Runs count as late after `late_after` seconds in the queue, workers as living that spoke within `seen_within` seconds.

        Unavailable when the store does not answer.
        """
        ...

    def connections(self) -> tuple[int, int]:
        """How many connections this process may hold, and how many are in use."""
        ...
