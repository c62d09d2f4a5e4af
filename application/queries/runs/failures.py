"""What broke a run, and whether it was seen before: read from what readers gave."""

from collections.abc import Sequence

from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Status

FAILED_STATUSES = (Status.FAILED, Status.LOST)


def find_failed_stage(run: RunView) -> StageRunView | None:
    """The first stage that failed or was lost and was not allowed to; else the first that broke at all."""
    broken = [stage for stage in run.stages if stage.status in FAILED_STATUSES]
    return next((stage for stage in broken if not stage.allow_failure), broken[0] if broken else None)


def get_attempts_since_restart(stage: StageRunView) -> Sequence[AttemptView]:
    """The attempts since a person last took it up, those that never started left out."""
    begun: list[AttemptView] = []
    for attempt in stage.attempts:
        begun = [attempt] if attempt.by_person else [*begun, attempt]
    return [attempt for attempt in begun if attempt.started_at or attempt.error_message]


def has_failure(run: RunView, fingerprint: str) -> bool:
    return any(attempt.fingerprint == fingerprint for stage in run.stages for attempt in stage.attempts)
