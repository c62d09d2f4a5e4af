"""How long each stage of a pipeline takes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double, bindparam, cast, extract, func, select

from adapters.persistence.tables.runs import attempt, run
from domain.runs.status import Status

RECENT_RUNS = 20


def _stage_times() -> Any:
    """Build the query of the median, 95th percentile (in seconds) and count of each stage's completed attempts in recent runs."""
    recent = select(run.c.id).where(run.c.pipeline_id == bindparam("pipeline")).order_by(run.c.id.desc()).limit(RECENT_RUNS).subquery()
    took = cast(extract("epoch", attempt.c.finished_at - attempt.c.started_at), Double)
    median, slow = (func.percentile_cont(share).within_group(took).label(name) for share, name in ((0.5, "median"), (0.95, "slow")))
    completed = (
        attempt.c.status == Status.COMPLETED.value,
        attempt.c.started_at.is_not(None),
        attempt.c.finished_at.is_not(None),
    )
    query = select(attempt.c.stage, median, slow, func.count().label("count")).join(recent, recent.c.id == attempt.c.run_id)
    return query.where(*completed).group_by(attempt.c.stage).order_by(attempt.c.stage)


STAGE_TIMES = _stage_times()
