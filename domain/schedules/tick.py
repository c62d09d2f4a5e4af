"""A tick: one time at which a schedule fires, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TickState(StrEnum):
    """What became of a tick."""

    FIRED = "fired"
    """Its run was opened within 60 seconds."""
    LATE = "late"
    """Its run was opened later than that."""
    WAITING = "waiting"
    """Its run opens when an earlier run has ended."""
    MISSED = "missed"
    SKIPPED = "skipped"
    PAUSED = "paused"


class TickReason(StrEnum):
    """Why a tick opened no run, or waits. The values are stable, for programs."""

    OUTAGE = "outage"
    DISK_FULL = "disk_full"
    OVERLAP = "overlap"
    QUEUE_FULL = "queue_full"
    LIMIT = "limit"
    """A concurrency limit with `skip` was full."""
    OUTSIDE_WINDOW = "outside_window"
    SUPERSEDED = "superseded"
    """A newer tick runs instead."""
    ARCHIVED = "archived"
    INVALID_PARAMETERS = "invalid_parameters"
    PAUSED = "paused"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Tick:
    """One tick of a schedule. `due_at` is the nominal time, `fire_at` includes the jitter.

    `message` is a sentence about the state. `count` is the number of ticks that the row stands for, from `due_at` on.
    """

    schedule_id: int
    pipeline_id: int
    due_at: datetime
    fire_at: datetime
    state: TickState
    decided_at: datetime
    run_id: int | None = None
    reason: TickReason | None = None
    message: str | None = None
    count: int = 1
