"""A status report, its sender and the decision on it."""

from datetime import datetime
from typing import Any

from domain.runs.attempt import REPORTABLE_FIELDS
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from domain.value_object import value_object


@value_object
class Reporter:
    """Who speaks. `name` scopes `seq` and `event_id`; `worker` and `epoch` are set for a worker that claims to hold the dispatch;
    `attempt` is set for a token that is good for one (stage, attempt)."""

    name: str | None = None
    worker: str | None = None
    epoch: int | None = None
    attempt: tuple[str, int] | None = None

    def holds_dispatch_of(self, run: Run) -> bool:
        return self.worker is not None and self.epoch is not None and run.dispatch.is_held_by(self.worker, self.epoch)


@value_object
class Report:
    """A status update about a stage, or about the run when `stage` is None. `reported_at` is shown, never used to order."""

    status: Status
    stage: str | None = None
    attempt: int | None = None
    records_processed: int | None = None
    error_message: str | None = None
    message: str | None = None
    output: Any = None
    seq: int | None = None
    reason: Reason | None = None
    reported_at: datetime | None = None

    @property
    def details(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self.records_processed is not None:
            told["records_processed"] = self.records_processed
        if self.error_message is not None:
            told["error_message"] = self.error_message
        if self.message is not None:
            told["message"] = self.message
        if self.output is not None:
            told["output"] = self.output
        if self.reported_at is not None:
            told["reported_at"] = self.reported_at.isoformat()
        return told


ATTEMPT_FIELDS = frozenset(REPORTABLE_FIELDS)
"""What of a report's details its attempt keeps; the rest is told in its event alone."""


@value_object
class ReportDecision:
    """What became of a report. `http_status` is 200 or 409; `problem` is the stable kind of a refusal; `seq` the event it left, if any."""

    http_status: int
    applied: bool
    status: Status
    why: str | None = None
    seq: int | None = None
    problem: str | None = None
    facts: dict[str, Any] | None = None


def is_out_of_order(report: Report, reporter: Reporter, last_seq: int | None) -> bool:
    """A reporter nobody named has no order."""
    return reporter.name is not None and report.seq is not None and last_seq is not None and report.seq <= last_seq
