"""Read models of workers and of a work pool's queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorkerTokenView:
    """The worker token of a worker process."""

    name: str
    expires_at: datetime | None
    revoked_at: datetime | None

    def get_end(self, now: datetime) -> datetime | None:
        """Return when the token was revoked or expired; None if it is valid."""
        ends = [end for end in (self.revoked_at, self.expires_at) if end is not None and end <= now]
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process, as of its last heartbeat. Lists of workers have its token; None if it is derived from HEADGATE_SECRET."""

    id: str
    name: str
    pool: str
    slots: int
    free: int
    seen_at: datetime
    token: WorkerTokenView | None = None

    def has_valid_token(self, now: datetime) -> bool:
        return self.token is None or self.token.get_end(now) is None


@dataclass(frozen=True, slots=True)
class QueueView:
    """A pool's workers, and the ids of its waiting runs in the order in which workers take them, up to the limit of the query."""

    workers: Sequence[WorkerView]
    waiting: Sequence[int]
