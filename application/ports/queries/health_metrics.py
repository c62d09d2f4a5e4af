"""Metrics of the store, the outbox, the queues and the worker pools."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PoolMetrics:
    """The connected workers of a pool."""

    pool: str
    workers: int
    slots: int
    free: int


@dataclass(frozen=True, slots=True)
class LimitMetrics:
    """A concurrency limit, named after its group or pipeline: the slots that are held, and the requests that wait."""

    limit: str
    held: int
    waiting: int


@dataclass(frozen=True, slots=True)
class HealthMetrics:
    """`outbox_age` is the age of the oldest row in seconds. `late` counts queued runs for which no worker came for too long.

    `open_incidents` are those that are not resolved. `delivery_age` is how long, in seconds, the oldest delivery has waited that is due or
    was tried. `followed_flow_runs` are those of stages of kind `prefect`, and `flow_run_age` is how long, in seconds, the oldest request
    for one has waited.
    """

    outbox_depth: int
    outbox_age: float
    waiting: int
    late: int
    pools: Sequence[PoolMetrics] = field(default_factory=tuple)
    store_version: str = ""
    limits: Sequence[LimitMetrics] = field(default_factory=tuple)
    open_incidents: int = 0
    delivery_age: float = 0.0
    followed_flow_runs: int = 0
    flow_run_age: float = 0.0


class HealthMetricsReader(Protocol):
    async def read(self, late_after: float, seen_within: float) -> HealthMetrics:
        """Return the present metrics. Runs are late after `late_after` seconds; workers count if seen in the last `seen_within` seconds.

        Raises Unavailable.
        """
        ...

    def connections(self) -> tuple[int, int]:
        """Return the maximum number of connections of this process, and the number in use."""
        ...
