"""Telling other systems that runs and stages started and ended."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
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


@dataclass(frozen=True, slots=True)
class RejectedEvent:
    """What an audience will never take, and its reason in one sentence."""

    announcement: LifecycleEvent
    why: str


class EventSink(Protocol):
    """A system that is told. `name` is stable: its place in the events is kept by it."""

    @property
    def name(self) -> str: ...

    async def send(self, announcements: Sequence[LifecycleEvent]) -> Sequence[RejectedEvent]:
        """Deliver in order; to be told the same again changes nothing there. Returns those it will never take.

        Unavailable when it is to be tried again later; some may have arrived then.
        """
        ...


@dataclass(frozen=True, slots=True)
class SinkPosition:
    """How far an audience was told: a cursor of the change feed, None before its first. `tries` counts failures since the last success."""

    cursor: str | None = None
    tries: int = 0
    is_free: bool = True
    """False while another teller has it, or it is put off."""


class SinkPositions(Protocol):
    """How far each audience was told, for all processes. One teller at a time holds an audience, for a time."""

    async def find(self, audience: str) -> SinkPosition:
        """Where it is now, not locked; a free one without a cursor when nobody has told it anything."""
        ...

    async def take(self, audience: str, teller: str, seconds: float) -> SinkPosition | None:
        """Hold the audience for so many seconds by the store's clock; None when it is not free."""
        ...

    async def move(self, audience: str, teller: str, cursor: str) -> bool:
        """Everything up to the cursor was told: keep that, forget failures, let go. False when another teller holds it by now."""
        ...

    async def postpone(self, audience: str, teller: str, error: str, delay: float) -> None:
        """Count a failure, keep its sentence, free it after `delay` seconds; nothing when another teller holds it by now."""
        ...
