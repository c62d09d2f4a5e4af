"""Finds the failures of a run."""

from collections.abc import Sequence

from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Status

FAILED_STATUSES = (Status.FAILED, Status.LOST)


def find_failed_stage(run: RunView) -> StageRunView | None:
    """Return the first failed or lost stage that is not allowed to fail; without one, the first failed or lost stage."""
    failed = [stage for stage in run.stages if stage.status in FAILED_STATUSES]
    return next((stage for stage in failed if not stage.allow_failure), failed[0] if failed else None)


def get_attempts_since_restart(stage: StageRunView) -> Sequence[AttemptView]:
    """Return the attempts since a person last restarted the stage, without attempts that never started."""
    attempts: list[AttemptView] = []
    for attempt in stage.attempts:
        attempts = [attempt] if attempt.by_person else [*attempts, attempt]
    return [attempt for attempt in attempts if attempt.started_at or attempt.error_message]


def has_failure(run: RunView, stage: str, fingerprint: str) -> bool:
    return any(attempt.fingerprint == fingerprint for each in run.stages if each.name == stage for attempt in each.attempts)
