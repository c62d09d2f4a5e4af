"""A status report, its reporter and the decision on it."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.output.terminal_codes import strip_terminal_codes
from domain.runs.attempt import REPORTABLE_FIELDS
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from domain.value_object import value_object

ATTEMPT_FIELDS = frozenset(REPORTABLE_FIELDS)
"""The details of a report that its attempt stores; the other details are in the event only."""


class ReportOutcome(StrEnum):
    """What a report led to. `APPLIED` and `IGNORED` are accepted; the others refuse the report."""

    APPLIED = "applied"
    IGNORED = "ignored"
    """The report is fine but changes nothing."""
    REFUSED = "refused"
    """Conflict with the current state."""
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    INVALID = "invalid"


@value_object
class Reporter:
    """The sender of a report.

    `name` scopes `seq` and `event_id`. `worker` and `epoch` are set if a worker claims to hold that dispatch. `attempt` is the (stage,
    number) that the sender's token was issued for.
    """

    name: str | None = None
    worker: str | None = None
    epoch: int | None = None
    attempt: tuple[str, int] | None = None

    @property
    def actor(self) -> str | None:
        """The name that events show."""
        return self.worker or self.name

    def holds_dispatch(self, run: Run) -> bool:
        return self.worker is not None and self.epoch is not None and run.dispatch.is_held_by(self.worker, self.epoch)


@value_object
class Report:
    """A status update about a stage, or about the run if `stage` is None. `reported_at` is displayed but never used for ordering.

    Its texts are shown where no colours are drawn, so they have no terminal codes.
    """

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

    def __post_init__(self) -> None:
        if self.error_message is not None:
            object.__setattr__(self, "error_message", strip_terminal_codes(self.error_message))
        if self.message is not None:
            object.__setattr__(self, "message", strip_terminal_codes(self.message))

    @property
    def details(self) -> dict[str, Any]:
        """Everything that the report says besides the status, as its event stores it."""
        details: dict[str, Any] = {}
        if self.records_processed is not None:
            details["records_processed"] = self.records_processed
        if self.error_message is not None:
            details["error_message"] = self.error_message
        if self.message is not None:
            details["message"] = self.message
        if self.output is not None:
            details["output"] = self.output
        if self.reported_at is not None:
            details["reported_at"] = self.reported_at.isoformat()
        return details


@value_object
class ReportDecision:
    """The decision on a report.

    `status` is the status of the stage (or run) afterwards. `why` is a sentence, None if the report was applied. `seq` numbers the event
    that the report caused, if any. `problem` is the stable kind of a refusal, and `facts` describe the state behind it.
    """

    outcome: ReportOutcome
    status: Status
    why: str | None = None
    seq: int | None = None
    problem: str | None = None
    facts: dict[str, Any] | None = None

    @property
    def applied(self) -> bool:
        return self.outcome is ReportOutcome.APPLIED


def applied(status: Status, seq: int) -> ReportDecision:
    return ReportDecision(ReportOutcome.APPLIED, status, seq=seq)


def ignored(status: Status, why: str) -> ReportDecision:
    return ReportDecision(ReportOutcome.IGNORED, status, why)


def refused(status: Status, problem: str, why: str, facts: dict[str, Any] | None = None, seq: int | None = None) -> ReportDecision:
    return ReportDecision(ReportOutcome.REFUSED, status, why, seq, problem, facts)


def is_out_of_order(report: Report, reporter: Reporter, last_seq: int | None) -> bool:
    """Return True if a later report of the same named reporter was judged before."""
    return reporter.name is not None and report.seq is not None and last_seq is not None and report.seq <= last_seq
