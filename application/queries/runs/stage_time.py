"""How long a stage of a run took."""

from datetime import datetime

from application.queries.views.runs import StageRunView
from domain.runs.active_time import get_seconds_between


def get_stage_seconds(stage: StageRunView, now: datetime) -> float | None:
    """Return the seconds from the first start to the end, or to now, with automatic retries and their delays; None before the start.

    The time before a manual retry does not count.
    """
    total, started, ended = None, None, now
    for attempt in stage.attempts:
        if attempt.by_person and started is not None:
            total, started = (total or 0.0) + get_seconds_between(started, ended), None
        started = started or attempt.started_at
        ended = attempt.finished_at or now
    return total if started is None else (total or 0.0) + get_seconds_between(started, ended)
