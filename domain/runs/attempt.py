"""One try of a stage, and the stage run that is its newest try."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.runs.fingerprint import compute_fingerprint
from domain.runs.status import ATTEMPT_MOVES, Reason, Status

REPORTABLE_FIELDS = ("records_processed", "error_message", "message", "output")
"""What a report may tell of an attempt, at any time until it is over."""


class IllegalMove(Exception):
    """The table of moves does not have it. Callers check first; reaching this is a defect."""


@dataclass(slots=True)
class Attempt:
    """One try. It moves only along the table; a terminal status is final."""

    number: int
    created_at: datetime
    status: Status = Status.PENDING
    reason: Reason | None = None
    queued_at: datetime | None = None
    due_at: datetime | None = None
    deadline_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    records_processed: int | None = None
    error_message: str | None = None
    message: str | None = None
    output: Any = None
    epoch: int | None = None
    worker: str | None = None
    by_person: bool = False
    """Made, or ended, because a person asked for it rather than by the stage's own rules."""
    stop_requested_at: datetime | None = None
    """When a person asked its worker to end it."""
    fingerprint: str | None = None
    """The same for failures that are alike; see `domain.runs.fingerprint`."""

    def can_move(self, to: Status) -> bool:
        return to in ATTEMPT_MOVES[self.status]

    def move(self, to: Status, now: datetime, reason: Reason | None = None) -> None:
        """Take the move and stamp its time. IllegalMove when the table does not have it."""
        if not self.can_move(to):
            raise IllegalMove(f"{self.status} → {to}")
        self.status = to
        self.reason = reason
        if to is Status.QUEUED:
            self.queued_at = now
        if to is Status.RUNNING:
            self.started_at = self.started_at or now
        if to.is_terminal:
            self.finished_at = now
        if to in (Status.FAILED, Status.LOST):
            self.fingerprint = compute_fingerprint(self.error_message)
