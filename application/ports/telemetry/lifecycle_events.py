"""Events about the start and end of runs and attempts, for other systems."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.runs.status import Reason, Status


class Phase(StrEnum):
    STARTED = "started"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class RunLifecycleEvent:
    """The start or end of a run. `id` is the same in every process and for every delivery. Times are in UTC."""

    id: UUID
    run_id: int
    number: int
    pipeline: str
    revision: int
    trigger: str
    actor: str | None
    phase: Phase
    status: Status
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    records_processed: int | None = None
    error_message: str | None = None

    @property
    def effective_start(self) -> datetime:
        """The start; for a run or attempt that never started, its end."""
        return self.started_at or self.finished_at or self.created_at

    @property
    def queued_seconds(self) -> float:
        """Seconds from the trigger to the start."""
        return max(0.0, (self.effective_start - self.created_at).total_seconds())


@dataclass(frozen=True, slots=True)
class AttemptLifecycleEvent:
    """The start or end of an attempt. `needs` names the stages before it."""

    id: UUID
    run: RunLifecycleEvent
    stage: str
    kind: str
    number: int
    phase: Phase
    status: Status
    reason: Reason | None
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    needs: Sequence[str] = field(default=())
    records_processed: int | None = None
    error_message: str | None = None
    worker: str | None = None

    @property
    def effective_start(self) -> datetime:
        """The start; for a run or attempt that never started, its end."""
        return self.started_at or self.finished_at or self.created_at

    @property
    def queued_seconds(self) -> float:
        """Seconds from the time at which it was queued to the start."""
        return max(0.0, (self.effective_start - (self.queued_at or self.effective_start)).total_seconds())


LifecycleEvent = RunLifecycleEvent | AttemptLifecycleEvent
