"""Read models of schedules and their ticks."""

from dataclasses import dataclass
from datetime import datetime

from domain.runs.status import Status
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.tick import TickReason, TickState


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule of a pipeline, as the pipeline's newest revision defines it.

    `next_due_at` is its next tick, and `next_fire_at` includes the jitter; None if it has no more ticks.
    """

    id: int
    pipeline_id: int
    pipeline: str
    definition: ScheduleDefinition
    next_due_at: datetime | None
    next_fire_at: datetime | None
    paused_at: datetime | None = None
    paused_by: str | None = None
    paused_until: datetime | None = None

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def next_run_at(self) -> datetime | None:
        """When it fires next; None while it is paused."""
        return None if self.paused_at is not None else self.next_fire_at


@dataclass(frozen=True, slots=True)
class TickView:
    """A tick of a schedule that was decided or waits, with the run that it opened. `count` is the number of ticks that it stands for."""

    id: int
    schedule_id: int
    schedule: str
    pipeline_id: int
    pipeline: str
    due_at: datetime
    fire_at: datetime
    state: TickState
    decided_at: datetime
    run_id: int | None = None
    run_number: int | None = None
    run_status: Status | None = None
    reason: TickReason | None = None
    message: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class TickCount:
    """The number of a pipeline's ticks that were due in a span of time, with one state and one status of their runs."""

    pipeline_id: int
    pipeline: str
    start: datetime
    state: TickState
    run_status: Status | None
    count: int
