"""Read models of workers and of a work pool's queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process as it last spoke."""

    id: str
    name: str
    pool: str
    slots: int
    free: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class QueueView:
    """Who serves a pool, and what waits to be served: `waiting` are the runs that no worker has taken, in the order they are taken,
    cut off after so many as were asked for."""

    workers: Sequence[WorkerView]
    waiting: Sequence[int]
