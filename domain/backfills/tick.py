"""A tick of a backfill, and what became of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from domain.runs.status import Status
from domain.schedules.tick import TickReason


class BackfillTickState(StrEnum):
    """What became of a tick of a backfill."""

    PENDING = "pending"
    RUNNING = "running"
    """Its run is not over; it may wait for a slot or a worker."""
    COMPLETED = "completed"
    FAILED = "failed"
    """Its run failed or was lost."""
    CANCELLED = "cancelled"
    """Its run was cancelled, or the backfill was before it started."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class BackfillTick:
    """One tick. `position` counts from 1, in the order in which the ticks run. `message` says why it opened no run."""

    position: int
    due_at: datetime
    state: BackfillTickState = BackfillTickState.PENDING
    run_id: int | None = None
    reason: TickReason | None = None
    message: str | None = None

    def start(self, run_id: int) -> "BackfillTick":
        """Return the tick with its run."""
        return replace(self, state=BackfillTickState.RUNNING, run_id=run_id)

    def skip(self, reason: TickReason, message: str) -> "BackfillTick":
        """Return the tick as one that opens no run."""
        return replace(self, state=BackfillTickState.SKIPPED, reason=reason, message=message)

    def follow_run(self, status: Status | None) -> "BackfillTick":
        """Return the tick after its run moved to a status, also back from its end. None means that the run was removed."""
        return replace(self, state=get_tick_state(status))


def get_tick_state(status: Status | None) -> BackfillTickState:
    """Return the state of a tick whose run has this status."""
    match status:
        case Status.COMPLETED:
            return BackfillTickState.COMPLETED
        case Status.FAILED | Status.LOST:
            return BackfillTickState.FAILED
        case Status.CANCELLED | None:
            return BackfillTickState.CANCELLED
        case Status.SKIPPED:
            return BackfillTickState.SKIPPED
    return BackfillTickState.RUNNING
