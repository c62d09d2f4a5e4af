"""Read models of workers and of a work pool's queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process, as of its last heartbeat."""

    id: str
    name: str
    pool: str
    slots: int
    free: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class QueueView:
    """A pool's workers, and the ids of its waiting runs in the order in which workers take them, up to the limit of the query."""

    workers: Sequence[WorkerView]
    waiting: Sequence[int]
