"""Times at which a stage needs attention without any report: retries, reminders and deadlines."""

from datetime import datetime, timedelta

from domain.pipelines.definition import StageKind
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status

APPROVAL_REMINDER_DELAY = 86_400.0
"""Seconds after which people are reminded of an approval; half of its timeout if that is less."""
TIMEOUT_GRACE = 30.0
"""Seconds that a worker has to stop a stage after its timeout, and to report it."""


def get_approval_reminder_at(timeout: float, now: datetime) -> datetime:
    return now + timedelta(seconds=min(timeout / 2, APPROVAL_REMINDER_DELAY))


def is_due(stage: StageRun, now: datetime) -> bool:
    """Return True if a retry must be queued, or people must be reminded of an approval."""
    due_at = stage.current.due_at
    return stage.status is Status.WAITING and due_at is not None and due_at <= now


def is_past_deadline(stage: StageRun, now: datetime) -> bool:
    fails_at = get_fails_at(stage)
    return fails_at is not None and fails_at <= now


def get_fails_at(stage: StageRun) -> datetime | None:
    """Return when the stage fails if nothing is reported. For a stage running on a worker, that is a grace period after its deadline."""
    deadline = stage.current.deadline_at
    if stage.is_over or deadline is None:
        return None
    if not stage.definition.kind.runs_on_worker or stage.status is Status.QUEUED:
        return deadline
    return deadline + timedelta(seconds=TIMEOUT_GRACE) if stage.status is Status.RUNNING else None


def get_next_due_at(stage: StageRun) -> datetime | None:
    """Return the next time at which `is_due` or `is_past_deadline` can become true."""
    if stage.status is Status.WAITING and stage.current.due_at:
        return stage.current.due_at
    return get_fails_at(stage)


def describe_missed_deadline(stage: StageRun, *, run_waits_for_slots: bool = False) -> str:
    """Return the error message of a stage that failed at its deadline."""
    if stage.current.reason is Reason.LIMIT or (stage.current.reason is Reason.EXTERNAL and run_waits_for_slots):
        return "No slot of its concurrency limits became free before the deadline."
    if stage.definition.kind is StageKind.EXTERNAL:
        return "No report before the deadline."
    if stage.definition.kind is StageKind.APPROVAL:
        return "No decision before the deadline."
    if stage.definition.kind is StageKind.PREFECT:
        return (
            "Its flow run exceeded its timeout." if stage.current.started_at else "Prefect did not start its flow run before the deadline."
        )
    if stage.status is Status.QUEUED:
        return "No worker started it before the deadline."
    return "It exceeded its timeout, and its worker did not stop it."
