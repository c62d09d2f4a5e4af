"""Telling other systems that runs and stages started and ended."""

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
    """A run. `id` is the same whenever and by whichever process it is told; times are UTC, `status` is terminal when it is finished."""

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
        """The start; the end of what ended without one."""
        return self.started_at or self.finished_at or self.created_at

    @property
    def queued_seconds(self) -> float:
        """From the trigger to the start."""
        return max(0.0, (self.effective_start - self.created_at).total_seconds())


@dataclass(frozen=True, slots=True)
class AttemptLifecycleEvent:
    """One attempt of a stage of `run`, which it repeats. `needs` are the stages before it."""

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
        """The start; the end of what ended without one."""
        return self.started_at or self.finished_at or self.created_at

    @property
    def queued_seconds(self) -> float:
        """From when it could have started to the start."""
        return max(0.0, (self.effective_start - (self.queued_at or self.effective_start)).total_seconds())


LifecycleEvent = RunLifecycleEvent | AttemptLifecycleEvent
