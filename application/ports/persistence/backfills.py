"""Backfills and their ticks in the store."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from application.ports.persistence.pipelines import StoredPipeline
from domain.backfills.backfill import Backfill
from domain.backfills.plan import BackfillPlan
from domain.backfills.tick import BackfillTick
from domain.runs.status import Status


class NewBackfill(NamedTuple):
    """A backfill that is not stored yet. `due` are its ticks, in run order."""

    pipeline_id: int
    plan: BackfillPlan
    due: Sequence[datetime]
    created_at: datetime
    created_by: str | None


class LockedBackfill(NamedTuple):
    """A locked backfill and its pipeline, which is locked too, with the number of its unfinished runs."""

    backfill: Backfill
    pipeline: StoredPipeline
    unfinished_runs: int


class MovedTick(NamedTuple):
    """A tick whose state is not the one that its run has. `status` is None if the run was removed."""

    tick: BackfillTick
    status: Status | None


class Backfills(Protocol):
    """Backfills of pipelines that are not marked as deleted. A backfill and its ticks are written under the backfill's lock."""

    async def add(self, new: NewBackfill) -> Backfill:
        """Store a new backfill with its ticks, all pending. The caller has locked the pipeline."""
        ...

    async def find(self, backfill_id: int, *, lock: bool = False) -> Backfill | None:
        """Return the backfill, if there is one. `lock` locks its row until the transaction ends."""
        ...

    async def find_newest_runs(
        self, pipeline_id: int, schedule_id: int | None, since: datetime, until: datetime
    ) -> Mapping[datetime, Status]:
        """Return the status of the newest run of each tick between the times, both included.

        These are runs of the schedule's ticks, of backfills of the schedule, and of backfills of a cron expression; without a schedule,
        runs of all backfills of the pipeline.
        """
        ...

    async def find_durations(self, pipeline_id: int, limit: int) -> Sequence[float]:
        """Return how many seconds each of the last `limit` completed runs of the pipeline took, without its idle time."""
        ...

    async def lock_due(self, now: datetime, excluded: Collection[int] = ()) -> LockedBackfill | None:
        """Lock the oldest backfill that has something to do at `now`, and its pipeline. Skip those that another transaction has locked.

        A backfill has something to do if it may open runs (it runs, has pending ticks and fewer unfinished runs than `parallel`, and does
        not wait until later), or if a tick has another state than its run. No backfill in `excluded`, by id, is locked.
        """
        ...

    async def list_moved(self, backfill_id: int) -> Sequence[MovedTick]:
        """Return the ticks of a locked backfill whose runs ended, or were reopened by a retry, in the order of their positions."""
        ...

    async def list_pending(self, backfill_id: int, limit: int) -> Sequence[BackfillTick]:
        """Return the next pending ticks of a locked backfill, in the order of their positions."""
        ...

    async def list_unfinished_runs(self, backfill_id: int) -> Sequence[int]:
        """Return the ids of the unfinished runs of the backfill, oldest first."""
        ...

    async def save(self, backfill: Backfill) -> None:
        """Store the state and the progress of a locked backfill."""
        ...

    async def save_ticks(self, backfill_id: int, ticks: Sequence[BackfillTick]) -> None:
        """Store the state, run, reason and message of ticks of a locked backfill."""
        ...

    async def cancel_pending(self, backfill_id: int) -> None:
        """Mark the pending ticks of a locked backfill as cancelled."""
        ...

    async def has_unfinished(self, excluded: Collection[int] = ()) -> bool:
        """Return True if a backfill has ticks that did not end, except those in `excluded`."""
        ...
