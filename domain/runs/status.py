"""The nine statuses, their reasons, and the moves between them."""

from enum import StrEnum


class Status(StrEnum):
    """The status of an attempt, a stage run, a run or a pipeline."""

    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    LOST = "lost"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL


class Reason(StrEnum):
    """Why an attempt waits, or how it ended."""

    APPROVAL = "approval"
    EXTERNAL = "external"
    RETRY = "retry"
    ERROR = "error"
    TIMEOUT = "timeout"
    LIMIT = "limit"
    """It waits for a slot of a concurrency limit."""
    REJECTED = "rejected"
    UPSTREAM = "upstream"
    SUPERSEDED = "superseded"
    """A later report opened the next run."""
    PAUSED = "paused"
    """Its flow run is paused in Prefect."""
    FENCED = "fenced"
    """The worker ended the attempt, because it could not renew its lease."""


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.SKIPPED, Status.LOST})

ATTEMPT_MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.QUEUED, Status.WAITING, Status.SKIPPED, Status.CANCELLED}),
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED, Status.FAILED, Status.LOST}),
    Status.RUNNING: frozenset({Status.WAITING, Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.LOST}),
    Status.WAITING: frozenset(
        {Status.QUEUED, Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.SKIPPED, Status.CANCELLED, Status.LOST}
    ),
} | {terminal: frozenset() for terminal in TERMINAL}

REPORTABLE_STATUSES = frozenset({Status.RUNNING, Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.SKIPPED})

_STATUS_BY_WORD = {
    "success": Status.COMPLETED,
    "succeeded": Status.COMPLETED,
    "error": Status.FAILED,
    "failure": Status.FAILED,
    "start": Status.RUNNING,
    "started": Status.RUNNING,
    "in_progress": Status.RUNNING,
    "canceled": Status.CANCELLED,
} | {status.value: status for status in REPORTABLE_STATUSES}


def parse_reported_status(word: str) -> Status | None:
    """Return the status that a word in a report means, ignoring case; None if it cannot be reported."""
    return _STATUS_BY_WORD.get(word.strip().lower())
