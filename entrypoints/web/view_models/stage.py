"""One stage of a run: its attempts and what a person may do to it now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.sentences import duration
from application.queries.views import AttemptView, RunView, StageRunView
from domain.status import Reason, Status
from entrypoints.web.ansi import plain
from entrypoints.web.view_models.outputs import StageOutput, output_of, whole_json
from entrypoints.web.view_models.words import DASH, Moment, StatusWord, grouped, moment, status_word

LONGEST_ERROR = 20_000


@dataclass(frozen=True, slots=True)
class AttemptRow:
    number: int
    status: StatusWord
    reason: str
    worker: str
    started: Moment | None
    took: str
    records: str
    error: str
    message: str
    log: str


@dataclass(frozen=True, slots=True)
class StagePage:
    name: str
    kind: str
    status: StatusWord
    attempts: Sequence[AttemptRow]
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


def stage_page(run: RunView, stage: StageRunView, now: datetime) -> StagePage:
    newest, status = stage.newest, stage.status
    is_stopping = run.stop_requested_at is not None and not run.status.is_terminal
    is_skipped = status is Status.SKIPPED and newest.by_person
    return StagePage(
        stage.name,
        stage.kind,
        status_word(status),
        [_row(run, stage, attempt, now) for attempt in stage.attempts],
        output_of(run.id, stage) if newest.output is not None else None,
        whole_json(newest.output) if newest.output is not None else "",
        plain(stage.message or ""),
        " or ".join(stage.approvers),
        duration(newest.deadline_at, now) if newest.deadline_at and newest.deadline_at > now else "",
        may_decide=not is_stopping and status is Status.WAITING and newest.reason is Reason.APPROVAL,
        may_retry=not is_stopping and status in (Status.FAILED, Status.LOST, Status.CANCELLED, Status.SKIPPED),
        may_skip=not is_stopping and not is_skipped and status not in (Status.COMPLETED, Status.RUNNING, Status.QUEUED),
        may_cancel=not is_stopping and not status.is_terminal and newest.stop_requested_at is None,
        reopens=run.status.is_terminal,
    )


def _row(run: RunView, stage: StageRunView, attempt: AttemptView, now: datetime) -> AttemptRow:
    begun = attempt.started_at
    return AttemptRow(
        attempt.number,
        status_word(attempt.status),
        str(attempt.reason) if attempt.reason else "",
        attempt.worker or DASH,
        moment(begun),
        duration(attempt.finished_at or now, begun) if begun else DASH,
        grouped(attempt.records_processed),
        plain((attempt.error_message or "")[:LONGEST_ERROR]),
        plain((attempt.message or "")[:LONGEST_ERROR]),
        f"/ui/runs/{run.id}?stage={stage.name}" + (f"&attempt={attempt.number}" if len(stage.attempts) > 1 else "") + "#log",
    )
