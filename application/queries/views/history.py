"""Read models computed over several runs: durations, failures and approval decisions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How long a stage's completed attempts took lately, in seconds."""

    stage: str
    median: float
    slow: float
    """The 95th percentile."""
    count: int


@dataclass(frozen=True, slots=True)
class FailureView:
    """Failures that are alike: `count` attempts with one fingerprint. `message` is the newest one's; `runs` are (id, number), newest first,
    at most ten. `first_at` and `first_run` are of all the pipeline's runs, however many there were."""

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
    """Where a failure was seen for the first time."""

    run_id: int
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PastDecision:
    """What somebody decided when an earlier run asked the same."""

    run_id: int
    number: int
    approved: bool
    by: str | None
    comment: str | None
    at: datetime
