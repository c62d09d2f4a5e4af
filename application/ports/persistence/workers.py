"""Workers in the store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker process, as of its last heartbeat. `token_id` is None if its token is derived from HEADGATE_SECRET."""

    id: str
    name: str
    pool: str
    slots: int
    free: int
    version: str = ""
    token_id: int | None = None


@dataclass(frozen=True, slots=True)
class TokenWorker:
    """A worker that has used a worker token. Processes with the same name are one worker.

    `used_at` and `address` are of the newest registration. `processes` and `running_stages` count the processes that are online.
    """

    token_id: int
    name: str
    first_used_at: datetime
    used_at: datetime
    address: str | None
    processes: int = 0
    running_stages: int = 0

    @property
    def is_online(self) -> bool:
        return self.processes > 0


class Workers(Protocol):
    async def record_seen(self, worker: WorkerStatus, now: datetime) -> bool:
        """Insert or update the worker. Return True if this is the first time that the process is seen with its token.

        Raises Conflict `worker_id_taken` if the id belongs to a worker with another name or token.
        """
        ...

    async def remove(self, worker_id: str, token_id: int | None = None) -> None:
        """Remove the worker unless it has another token."""
        ...

    async def record_token_use(self, token_id: int, name: str, address: str | None, now: datetime) -> bool:
        """Store that a worker of this name uses the token. Return True if none did before."""
        ...

    async def list_token_workers(self, token_ids: Collection[int], online_seconds: float, limit: int) -> Sequence[TokenWorker]:
        """Return the workers that have used one of the tokens: for each token those that are online and then
        the others, the newest registrations first, at most `limit` of them.

        A process is online if it was seen within `online_seconds`.
        """
        ...
