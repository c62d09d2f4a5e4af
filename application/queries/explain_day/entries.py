"""Entries about the ticks of a day, each with a sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from enum import StrEnum

from domain.schedules.shifted_times import ShiftedTimes

MAX_RUN_IDS = 10
"""Runs that an entry names."""


class DayState(StrEnum):
    """The state of ticks, or of a day without ticks. The first six are those of stored ticks."""

    FIRED = "fired"
    LATE = "late"
    WAITING = "waiting"
    MISSED = "missed"
    SKIPPED = "skipped"
    PAUSED = "paused"
    DUE = "due"
    """Not decided yet: to come, or due at this moment."""
    NOT_DUE = "not_due"
    """The schedule excludes these times, or did not exist then."""
    CHANGED_CLOCK = "changed_clock"
    """Nothing was due. The entry explains what a clock change did."""
    UNKNOWN = "unknown"
    """No record is left, or none was written."""


class DayReason(StrEnum):
    """Reasons besides those of stored ticks. The values are stable, for programs."""

    TO_COME = "to_come"
    DELAYED = "delayed"
    """The jitter delays the tick."""
    BEING_DECIDED = "being_decided"
    SKIP_DATE = "skip_date"
    BEFORE_START = "before_start"
    AFTER_END = "after_end"
    NOT_DEFINED = "not_defined"
    """The schedule, or the pipeline, was added later."""
    NO_LONGER_DEFINED = "no_longer_defined"
    OTHER_DAY = "other_day"
    """The schedule does not fire on this day."""
    NO_SUCH_DAY = "no_such_day"
    """A clock change left the whole day out."""
    CLOCK_CHANGE = "clock_change"
    BEFORE_LEDGER = "before_ledger"
    NOT_RECORDED = "not_recorded"
    NO_SCHEDULE = "no_schedule"
    REPORTED = "reported"
    NOT_REPORTED = "not_reported"
    LIMIT = "limit"
    """The run was opened, and waits for a concurrency limit."""


@dataclass(frozen=True, slots=True)
class ExplainedTicks:
    """Consecutive ticks of a schedule with the same outcome; `count` is 0 if the entry stands for none.

    `source` is the schedule's name, or says when a run is expected. `message` is the stored reason, or a part of the sentence. `runs`
    is the number of runs, `run_ids` are the first ones, and `blocked_by` is the run that was in the way. `until` is the end of a pause, a
    grace period, or a delay. `shift` is what a clock change did to the tick.
    """

    source: str
    zone: tzinfo
    start: datetime
    end: datetime
    count: int
    state: DayState
    reason: str | None = None
    message: str | None = None
    run_ids: Sequence[int] = ()
    runs: int = 0
    blocked_by: int | None = None
    until: datetime | None = None
    shift: ShiftedTimes | None = None
    is_queued: bool = False
    is_mixed: bool = False
    is_expectation: bool = False


@dataclass(frozen=True, slots=True)
class DayEntry:
    """Ticks of a day and the sentence about them, which names runs by their numbers. `named_runs` are their ids, by number."""

    ticks: ExplainedTicks
    sentence: str
    named_runs: Mapping[int, int] = field(default_factory=dict)

    @property
    def local_start(self) -> datetime:
        return self.ticks.start.astimezone(self.ticks.zone)

    @property
    def local_end(self) -> datetime:
        return self.ticks.end.astimezone(self.ticks.zone)

    @property
    def is_explained_absence(self) -> bool:
        """Return True if the entry says why expected runs did not happen, or happened late or at another time."""
        if self.ticks.shift is not None or self.ticks.reason == DayReason.LIMIT:
            return True
        return self.ticks.state not in (DayState.FIRED, DayState.DUE) and self.ticks.reason != DayReason.OTHER_DAY


@dataclass(frozen=True, slots=True)
class DayExplanation:
    """A day of a pipeline: an entry for each group of ticks, ordered by time."""

    pipeline_id: int
    pipeline: str
    day: date
    today: date
    entries: Sequence[DayEntry]
