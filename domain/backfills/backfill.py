"""A backfill: its state, its progress, and the moves between its states."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from domain.backfills.plan import BackfillPlan
from domain.backfills.tick import BackfillTickState
from domain.errors import Conflict


class BackfillState(StrEnum):
    """The state of a backfill."""

    RUNNING = "running"
    PAUSED = "paused"
    """It opens no new runs. Its unfinished runs go on."""
    COMPLETED = "completed"
    """Each of its ticks has ended, whatever became of it."""
    CANCELLED = "cancelled"
    """Its pending ticks never run. Its unfinished runs go on unless they were cancelled with it."""


OVER: Final = frozenset({BackfillState.COMPLETED, BackfillState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Progress:
    """How many ticks of a backfill are in each state."""

    pending: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.pending + self.running + self.completed + self.failed + self.cancelled + self.skipped

    @property
    def ended(self) -> int:
        return self.total - self.pending - self.running

    def move(self, moves: Iterable[tuple[BackfillTickState, BackfillTickState]]) -> "Progress":
        """Return the progress after ticks moved from one state to another."""
        change: Counter[str] = Counter()
        for before, after in moves:
            change[before.value] -= 1
            change[after.value] += 1
        return replace(self, **{name: getattr(self, name) + number for name, number in change.items()})


@dataclass(frozen=True, slots=True)
class Backfill:
    """A backfill of a pipeline. `finished_at` is when its last tick ended.

    `message` says what it waits for, and `retry_at` when it looks again; both are None while it opens runs.
    """

    id: int
    pipeline_id: int
    plan: BackfillPlan
    created_at: datetime
    created_by: str | None = None
    state: BackfillState = BackfillState.RUNNING
    progress: Progress = field(default_factory=Progress)
    paused_at: datetime | None = None
    paused_by: str | None = None
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    finished_at: datetime | None = None
    message: str | None = None
    retry_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Return True if it opens no more runs. Some of its runs may be unfinished."""
        return self.state in OVER

    def pause(self, now: datetime, by: str | None) -> "Backfill":
        """Stop opening runs. Return this object if it is paused. Raises Conflict `backfill_over`."""
        self._check_not_over()
        return self if self.state is BackfillState.PAUSED else self._enter(BackfillState.PAUSED, paused_at=now, paused_by=by)

    def resume(self) -> "Backfill":
        """Open runs again. Return this object if it is not paused. Raises Conflict `backfill_over`."""
        self._check_not_over()
        return self if self.state is BackfillState.RUNNING else self._enter(BackfillState.RUNNING, paused_at=None, paused_by=None)

    def cancel(self, now: datetime, by: str | None) -> "Backfill":
        """Cancel the pending ticks. Return this object if it is cancelled. Raises Conflict `backfill_over` if it is completed."""
        if self.state is BackfillState.CANCELLED:
            return self
        self._check_not_over()
        progress = replace(self.progress, pending=0, cancelled=self.progress.cancelled + self.progress.pending)
        return self._enter(BackfillState.CANCELLED, progress=progress, cancelled_at=now, cancelled_by=by).settle(now)

    def advance(self, moves: Iterable[tuple[BackfillTickState, BackfillTickState]], now: datetime) -> "Backfill":
        """Return the backfill after ticks moved from one state to another. It opens runs, so it waits for nothing."""
        return replace(self, progress=self.progress.move(moves), message=None, retry_at=None).settle(now)

    def wait(self, message: str, retry_at: datetime) -> "Backfill":
        """Return the backfill as one that cannot open runs now."""
        return replace(self, message=message, retry_at=retry_at)

    def settle(self, now: datetime) -> "Backfill":
        """End the backfill if no tick is left, and reopen it if a run of an ended tick was retried."""
        if self.progress.pending or self.progress.running:
            reopened = BackfillState.RUNNING if self.state is BackfillState.COMPLETED else self.state
            return replace(self, state=reopened, finished_at=None)
        if self.finished_at is not None:
            return self
        end = self.state if self.is_over else BackfillState.COMPLETED
        return replace(self, state=end, finished_at=now, paused_at=None, paused_by=None, message=None, retry_at=None)

    def _check_not_over(self) -> None:
        if self.is_over:
            raise Conflict("backfill_over", f"Backfill {self.id} is {self.state}.", {"backfill_id": self.id, "state": self.state})

    def _enter(self, state: BackfillState, **fields: Any) -> "Backfill":
        return replace(self, state=state, message=None, retry_at=None, **fields)
