"""The part of a run's log that a request selects: a stage and an attempt."""

from application.queries.views.runs import RunView
from domain.errors import NotFound


def check_log_selection(run: RunView, stage: str | None, attempt: int | None) -> None:
    """Raise NotFound if the run has no such stage, or no such attempt of it. None selects all."""
    stages = [each for each in run.stages if stage in (None, each.name)]
    if stage is not None and not stages:
        raise NotFound("stage", stage, run.name)
    if attempt is not None and all(attempt != each.number for found in stages for each in found.attempts):
        raise NotFound("attempt", attempt, run.name if stage is None else f"stage {stage} of {run.name}")
