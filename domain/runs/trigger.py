"""What started a run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

REPORT: Final = "report"
"""The kind of a trigger by a report that opened its run."""
SCHEDULE: Final = "schedule"
"""The kind of a trigger by a tick of a schedule."""
BACKFILL: Final = "backfill"
"""The kind of a trigger by a tick of a backfill."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """`kind` is `dashboard`, `api`, `cli`, `report`, `schedule` or `backfill`, `actor` the name of who started it.

    `repeats` is the id of the run that it repeats. `schedule_id` is the schedule for which the run was started, by a tick or by a
    person, `backfill_id` the backfill. `scheduled_for` is the tick's time, without jitter.
    """

    kind: str
    actor: str | None = None
    repeats: int | None = None
    schedule_id: int | None = None
    scheduled_for: datetime | None = None
    backfill_id: int | None = None

    @property
    def is_report(self) -> bool:
        return self.kind == REPORT
