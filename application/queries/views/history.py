"""Read models computed over several runs: durations, failures and approval decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How long the recent completed attempts of a stage took, in seconds."""

    stage: str
    median: float
    slow: float
    """The 95th percentile."""
    count: int


@dataclass(frozen=True, slots=True)
class FailureView:
    """Failures of a stage with the same fingerprint, in `count` runs.

    `message` is the newest one's. `runs` are up to ten (id, number) pairs, newest first. `first_at` and `first_run` cover all runs.
    """

    fingerprint: str
    stage: str
    message: str
    count: int
    first_at: datetime
    last_at: datetime
    runs: Sequence[tuple[int, int]]
    first_run: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class FirstOccurrence:
    """The run in which a failure occurred first."""

    run_id: int
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PastDecision:
    """An approval decision in an earlier run."""

    run_id: int
    number: int
    approved: bool
    by: str | None
    comment: str | None
    at: datetime
