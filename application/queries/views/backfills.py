"""Read models of backfills and their ticks."""

from dataclasses import dataclass
from datetime import datetime

from domain.backfills.backfill import Backfill
from domain.backfills.tick import BackfillTickState
from domain.runs.status import Status
from domain.schedules.tick import TickReason


@dataclass(frozen=True, slots=True)
class BackfillView:
    """A backfill with the name of its pipeline."""

    backfill: Backfill
    pipeline: str

    @property
    def id(self) -> int:
        return self.backfill.id


@dataclass(frozen=True, slots=True)
class BackfillTickView:
    """A tick of a backfill with its run."""

    position: int
    due_at: datetime
    state: BackfillTickState
    run_id: int | None = None
    run_number: int | None = None
    run_status: Status | None = None
    reason: TickReason | None = None
    message: str | None = None
