"""The definition of a schedule: when a pipeline runs by itself, and what happens when it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

DEFAULT_ZONE: Final = "UTC"
DEFAULT_CATCH_UP_WINDOW: Final = 86_400.0
DEFAULT_GRACE: Final = 900.0


class OverlapPolicy(StrEnum):
    """The policy for ticks that are due while an earlier run of their schedule is not over."""

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    QUEUE_ALL = "queue_all"
    CANCEL_RUNNING = "cancel_running"
    ALLOW = "allow"


class CatchUpPolicy(StrEnum):
    """The policy for ticks that Headgate could not fire in time."""

    NONE = "none"
    LATEST = "latest"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When something happens. Exactly one of `cron`, `every` and `at` is set.

    `every` and `offset` are in seconds; the ticks are `offset` seconds after the multiples of `every` since the epoch. `at` is in UTC.
    """

    cron: str | None = None
    every: float | None = None
    offset: float = 0.0
    at: datetime | None = None
    timezone: str = DEFAULT_ZONE


@dataclass(frozen=True, slots=True)
class ScheduleDefinition:
    """A schedule of a pipeline. `start` and `end` are in UTC and inclusive; `skip` are dates in the schedule's zone.

    Each tick is delayed by less than `jitter` seconds. Ticks missed more than `catch_up_window` seconds ago never run.
    """

    name: str
    recurrence: Recurrence
    start: datetime | None = None
    end: datetime | None = None
    skip: tuple[date, ...] = ()
    jitter: float = 0.0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    catch_up: CatchUpPolicy = CatchUpPolicy.LATEST
    catch_up_window: float = DEFAULT_CATCH_UP_WINDOW
    overlap: OverlapPolicy = OverlapPolicy.SKIP


@dataclass(frozen=True, slots=True)
class Expectation:
    """When other machines are expected to run a pipeline. A run may start `grace` seconds late and take `max_duration` seconds."""

    recurrence: Recurrence
    grace: float = DEFAULT_GRACE
    max_duration: float | None = None
