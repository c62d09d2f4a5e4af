"""One stage of a run: its attempts and what a person may do to it now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_elapsed
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Reason, Status
from entrypoints.web.ansi import show_control_characters
from entrypoints.web.view_models.formatting import DASH, StatusLabel, Timestamp, format_count, format_timestamp, get_status_label
from entrypoints.web.view_models.runs.outputs import StageOutput, build_stage_output, format_output

LONGEST_ERROR = 20_000


@dataclass(frozen=True, slots=True)
class AttemptItem:
    number: int
    status: StatusLabel
    reason: str
    worker: str
    started: Timestamp | None
    took: str
    records: str
    error: str
    message: str
    log: str


@dataclass(frozen=True, slots=True)
class StagePage:
    name: str
    kind: str
    status: StatusLabel
    attempts: Sequence[AttemptItem]
    output: StageOutput | None
    whole_output: str
    question: str
    approvers: str
    deadline: str
    may_decide: bool
    may_retry: bool
    may_skip: bool
    may_cancel: bool
    reopens: bool
    """Whether a retry or a skip opens a finished run again."""

    @property
    def may_nothing(self) -> bool:
        return not (self.may_decide or self.may_retry or self.may_skip or self.may_cancel)


def build_stage_page(run: RunView, stage: StageRunView, now: datetime) -> StagePage:
    newest, status = stage.newest, stage.status
    is_stopping = run.stop_requested_at is not None and not run.status.is_terminal
    is_skipped = status is Status.SKIPPED and newest.by_person
    return StagePage(
        stage.name,
        stage.kind,
        get_status_label(status),
        [_row(run, stage, attempt, now) for attempt in stage.attempts],
        build_stage_output(run.id, stage) if newest.output is not None else None,
        format_output(newest.output) if newest.output is not None else "",
        show_control_characters(stage.message or ""),
        " or ".join(stage.approvers),
        format_elapsed(newest.deadline_at, now) if newest.deadline_at and newest.deadline_at > now else "",
        may_decide=not is_stopping and status is Status.WAITING and newest.reason is Reason.APPROVAL,
        may_retry=not is_stopping and status in (Status.FAILED, Status.LOST, Status.CANCELLED, Status.SKIPPED),
        may_skip=not is_stopping and not is_skipped and status not in (Status.COMPLETED, Status.RUNNING, Status.QUEUED),
        may_cancel=not is_stopping and not status.is_terminal and newest.stop_requested_at is None,
        reopens=run.status.is_terminal,
    )


def _row(run: RunView, stage: StageRunView, attempt: AttemptView, now: datetime) -> AttemptItem:
    begun = attempt.started_at
    return AttemptItem(
        attempt.number,
        get_status_label(attempt.status),
        str(attempt.reason) if attempt.reason else "",
        attempt.worker or DASH,
        format_timestamp(begun),
        format_elapsed(attempt.finished_at or now, begun) if begun else DASH,
        format_count(attempt.records_processed),
        show_control_characters((attempt.error_message or "")[:LONGEST_ERROR]),
        show_control_characters((attempt.message or "")[:LONGEST_ERROR]),
        f"/ui/runs/{run.id}?stage={stage.name}" + (f"&attempt={attempt.number}" if len(stage.attempts) > 1 else "") + "#log",
    )
