"""Workers in the store."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker process as it last spoke."""

    id: str
    name: str
    pool: str
    slots: int
    free: int
    version: str = ""


class Workers(Protocol):
    async def record_seen(self, worker: WorkerStatus, now: datetime) -> None:
        """Insert or refresh."""
        ...

    async def remove(self, worker_id: str) -> None: ...
