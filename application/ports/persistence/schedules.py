"""Schedules in the store."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from application.ports.persistence.pipelines import StoredPipeline


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """The times and the pause of a schedule. The newest revision of its pipeline defines the schedule, under the same name.

    `next_due_at` is the next tick, without jitter, and `last_due_at` the last one that was decided. `next_fire_at` is when a service looks
    at the schedule next: at the next tick with its jitter, or at the end of a pause; None if it has no more ticks or is paused without an
    end.
    """

    id: int
    pipeline_id: int
    name: str
    next_due_at: datetime | None = None
    next_fire_at: datetime | None = None
    last_due_at: datetime | None = None
    paused_at: datetime | None = None
    paused_by: str | None = None
    paused_until: datetime | None = None


class NewSchedule(NamedTuple):
    """A schedule that is not stored yet."""

    pipeline_id: int
    name: str
    next_due_at: datetime | None
    next_fire_at: datetime | None
    paused_at: datetime | None = None


class LockedSchedule(NamedTuple):
    """A locked schedule and its pipeline, which is locked too."""

    schedule: StoredSchedule
    pipeline: StoredPipeline


class NextWake(NamedTuple):
    """When the next schedule is due, and whether a tick waits for an earlier run."""

    fire_at: datetime | None
    has_waiting: bool


class Schedules(Protocol):
    """Schedules that are not removed. All of a pipeline's are written under the lock of the pipeline."""

    async def add(self, schedules: Sequence[NewSchedule]) -> None:
        """Store new schedules. Their pipelines have no schedule of the same name."""
        ...

    async def list_of(self, pipeline_id: int) -> list[StoredSchedule]:
        """Return the schedules of the pipeline, oldest first."""
        ...

    async def lock_due(self, now: datetime, limit: int, excluded: Collection[int] = ()) -> list[LockedSchedule]:
        """Lock schedules that are due at `now`, and their pipelines. Skip those that another transaction has locked.

        No schedule in `excluded`, by id, is locked. The longest due come first.
        """
        ...

    async def lock_released(self, limit: int, excluded: Collection[int] = ()) -> list[LockedSchedule]:
        """Lock schedules, not paused, with a waiting tick and no unfinished run, as `lock_due` does."""
        ...

    async def save(self, schedules: Sequence[StoredSchedule]) -> None:
        """Store the times and pauses of locked schedules."""
        ...

    async def remove(self, ids: Sequence[int], now: datetime) -> None:
        """Mark the schedules as removed. Their names are free again, and their ticks stay."""
        ...

    async def find_next_wake(self, excluded: Collection[int] = ()) -> NextWake:
        """Return when a service has to look next, without the schedules in `excluded`."""
        ...
