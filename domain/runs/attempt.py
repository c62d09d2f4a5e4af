"""One attempt to run a stage."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.flow_runs.flow_run import FlowRun
from domain.runs.fingerprint import compute_fingerprint
from domain.runs.status import ATTEMPT_MOVES, Reason, Status

REPORTABLE_FIELDS = ("records_processed", "error_message", "message", "output")
"""The fields that reports set until the attempt is over."""


class IllegalMove(Exception):
    """A move that ATTEMPT_MOVES does not have. Callers check first, so this is a defect."""


@dataclass(slots=True)
class Attempt:
    """One attempt. Its status changes only by the moves of ATTEMPT_MOVES; a terminal status is final.

    `due_at` is the time of the next retry or reminder, `deadline_at` the time at which the attempt fails. `epoch` numbers the dispatch
    that it runs in. `by_person` is True if a person requested or ended it. `stop_requested_at` is the time at which a person cancelled it
    while it was running on a worker. `end_reported` is True if a report said how the attempt ended, even if the report came too late.
    `flow_run` is that of a stage of kind `prefect`, once it is requested.
    """

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
    stop_requested_at: datetime | None = None
    fingerprint: str | None = None
    end_reported: bool = False
    flow_run: FlowRun | None = None

    def can_move(self, to: Status) -> bool:
        return to in ATTEMPT_MOVES[self.status]

    def move(self, to: Status, now: datetime, reason: Reason | None = None) -> None:
        """Change the status and set the times that belong to it. Raises IllegalMove."""
        if not self.can_move(to):
            raise IllegalMove(f"{self.status} → {to}")
        self.status = to
        self.reason = reason
        if to is Status.QUEUED and self.started_at is None:
            self.queued_at = now
        if to is Status.RUNNING:
            self.started_at = self.started_at or now
        if to.is_terminal:
            self.finished_at = now
        if to in (Status.FAILED, Status.LOST):
            self.fingerprint = compute_fingerprint(self.error_message)
