"""The facts at the time of the query."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from application.queries.views.schedules import ScheduleView
from domain.pipelines.activation import Activation
from domain.schedules.ticks import IterateCron


@dataclass(frozen=True, slots=True)
class Situation:
    """The present state of a pipeline and its schedules, by name. Older ticks than `ledger_start` may have been deleted."""

    pipeline_id: int
    now: datetime
    activation: Activation
    schedules: Mapping[str, ScheduleView]
    ledger_start: datetime | None
    iterate_cron: IterateCron
