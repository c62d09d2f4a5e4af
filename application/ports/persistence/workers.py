"""Workers in the store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker process, as of its last heartbeat."""

    id: str
    name: str
    pool: str
    slots: int
    free: int
    version: str = ""


class Workers(Protocol):
    async def record_seen(self, worker: WorkerStatus, now: datetime) -> None:
        """Insert or update the worker."""
        ...

    async def remove(self, worker_id: str) -> None: ...
