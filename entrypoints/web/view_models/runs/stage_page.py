"""One stage of a run: its attempts, and the actions that are possible now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.explain.durations import format_elapsed
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.name_lists import format_names
from domain.runs.status import Reason, Status
from entrypoints.web.ansi import show_control_characters
from entrypoints.web.prefect_pages import PrefectPages
from entrypoints.web.view_models.formatting import DASH, StatusLabel, Timestamp, format_count, format_timestamp, get_status_label
from entrypoints.web.view_models.runs.flow_runs import FlowRunSection, build_flow_run_section, describe_state, link_flow_run
from entrypoints.web.view_models.runs.outputs import StageOutput, build_stage_output, format_output
from entrypoints.web.view_models.runs.stage_links import build_attempt_link

MAX_ERROR_LENGTH = 20_000
MAX_TEXTS_LENGTH = 50_000
"""Characters of the errors and messages of all attempts. The newest ones come first."""
MAX_ATTEMPTS = 200


@dataclass(frozen=True, slots=True)
class AttemptItem:
    """An attempt. `is_manual` is True if a person requested it.

    `log` is the URL of its log; `flow_run` is (state, URL) in Prefect, for stages of kind `prefect`.
    """

    number: int
    status: StatusLabel
    worker: str
    flow_run: tuple[str, str] | None
    started: Timestamp | None
    duration: str
    records: str
    error: str
    message: str
    log: str
    is_manual: bool


@dataclass(frozen=True, slots=True)
class StagePage:
    """A stage. `reopens_run` is True if a retry or a skip opens a finished run again."""

    name: str
    status: StatusLabel
    attempts: Sequence[AttemptItem]
    output: StageOutput | None
    whole_output: str
    question: str
    approvers: str
    time_left: str
    can_decide: bool
    can_retry: bool
    can_skip: bool
    can_cancel: bool
    reopens_run: bool
    flow_run: FlowRunSection | None = None

    @property
    def has_actions(self) -> bool:
        """Whether any action is possible."""
        return self.can_decide or self.can_retry or self.can_skip or self.can_cancel


def build_stage_page(run: RunView, stage: StageRunView, now: datetime, prefect: PrefectPages) -> StagePage:
    """Return the page of a stage."""
    newest, status = stage.newest, stage.status
    is_stopping = run.stop_requested_at is not None and not run.status.is_terminal
    is_skipped_by_person = status is Status.SKIPPED and newest.by_person
    return StagePage(
        stage.name,
        get_status_label(status),
        _build_attempts(run, stage, now, prefect),
        build_stage_output(run.id, stage) if newest.output is not None else None,
        format_output(newest.output) if newest.output is not None else "",
        show_control_characters(stage.message or ""),
        format_names(stage.approvers, last="or"),
        format_elapsed(newest.deadline_at, now) if newest.deadline_at and newest.deadline_at > now else "",
        can_decide=not is_stopping and status is Status.WAITING and newest.reason is Reason.APPROVAL,
        can_retry=not is_stopping and status in (Status.FAILED, Status.LOST, Status.CANCELLED, Status.SKIPPED),
        can_skip=not is_stopping and not is_skipped_by_person and status not in (Status.COMPLETED, Status.RUNNING, Status.QUEUED),
        can_cancel=not is_stopping and not status.is_terminal and newest.stop_requested_at is None,
        reopens_run=run.status.is_terminal,
        flow_run=build_flow_run_section(run, stage, prefect),
    )


def _build_attempts(run: RunView, stage: StageRunView, now: datetime, prefect: PrefectPages) -> list[AttemptItem]:
    """Return the last attempts. Old ones have no texts if those of the newer ones fill the page."""
    items = []
    room = MAX_TEXTS_LENGTH
    for attempt in stage.attempts[: -MAX_ATTEMPTS - 1 : -1]:
        item = _build_attempt(run, stage, attempt, now, min(room, MAX_ERROR_LENGTH), prefect)
        room -= len(item.error) + len(item.message)
        items.append(item)
    return items[::-1]


def _build_attempt(run: RunView, stage: StageRunView, attempt: AttemptView, now: datetime, room: int, prefect: PrefectPages) -> AttemptItem:
    started = attempt.started_at
    return AttemptItem(
        attempt.number,
        get_status_label(attempt.status),
        attempt.worker or DASH,
        (describe_state(attempt), link_flow_run(attempt, prefect)) if attempt.flow_run else None,
        format_timestamp(started),
        format_elapsed(attempt.finished_at or now, started) if started else DASH,
        format_count(attempt.records_processed),
        show_control_characters((attempt.error_message or "")[: max(0, room)]),
        show_control_characters((attempt.message or "")[: max(0, room)]),
        build_attempt_link(run.id, stage.name, attempt.number if len(stage.attempts) > 1 else None),
        attempt.by_person and attempt.number > 1 and attempt.status is not Status.SKIPPED,
    )
