"""What a backfill runs: ticks of a schedule, or of a cron expression, between two times."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from domain.runs.status import Status
from domain.schedules.definition import DEFAULT_ZONE, Recurrence
from domain.schedules.tick_parameters import resolve_tick_parameters
from domain.schedules.ticks import get_zone

MAX_TICKS: Final = 10_000
MAX_PARALLEL: Final = 100


class BackfillOrder(StrEnum):
    """Which ticks run first."""

    OLDEST = "oldest"
    NEWEST = "newest"


class ExistingPolicy(StrEnum):
    """What happens to ticks that have a run already."""

    SKIP = "skip"
    """They are left out."""
    FAILED = "failed"
    """They are left out unless their newest run ended and did not complete."""
    ALL = "all"
    """They run again."""


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The request as it was accepted. `since` and `until` are in UTC and inclusive.

    `cron` is set if the request named no schedule. `timezone` is the zone of the ticks. `parameters` may refer to the tick, as those of a
    schedule.
    """

    since: datetime
    until: datetime
    schedule_id: int | None = None
    schedule: str | None = None
    cron: str | None = None
    timezone: str = DEFAULT_ZONE
    order: BackfillOrder = BackfillOrder.OLDEST
    parallel: int = 1
    existing: ExistingPolicy = ExistingPolicy.SKIP
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def get_parameters(self, due_at: datetime) -> dict[str, Any]:
        """Return the parameters of the run for a tick."""
        return resolve_tick_parameters(self.parameters, due_at, get_zone(Recurrence(timezone=self.timezone)))


def choose_ticks(plan: BackfillPlan, ticks: Sequence[datetime], newest_runs: Mapping[datetime, Status]) -> list[datetime]:
    """Return the ticks that run, in that order. `newest_runs` has the status of the newest run of each tick that has one."""
    chosen = [due_at for due_at in ticks if _is_chosen(plan.existing, newest_runs.get(due_at))]
    return chosen if plan.order is BackfillOrder.OLDEST else chosen[::-1]


def _is_chosen(policy: ExistingPolicy, newest: Status | None) -> bool:
    match policy:
        case ExistingPolicy.ALL:
            return True
        case ExistingPolicy.FAILED:
            return newest is None or (newest.is_terminal and newest is not Status.COMPLETED)
    return newest is None
