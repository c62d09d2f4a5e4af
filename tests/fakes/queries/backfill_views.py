"""The read models of backfills, from the fake store."""

from collections.abc import Iterable
from typing import TypeVar

from application.queries.views.backfills import BackfillTickView, BackfillView
from domain.backfills.tick import BackfillTickState
from tests.fakes.persistence.store import Tables

View = TypeVar("View")


def list_backfills(tables: Tables, pipeline_id: int | None = None) -> list[BackfillView]:
    """Return the backfills of pipelines that are not deleted, newest first."""
    rows = sorted(tables.backfills.values(), key=lambda row: -row.id)
    kept = [row for row in rows if tables.pipelines[row.pipeline_id].deleting_at is None]
    return [BackfillView(row, tables.pipelines[row.pipeline_id].name) for row in kept if pipeline_id in (None, row.pipeline_id)]


def list_backfill_ticks(tables: Tables, backfill_id: int, state: BackfillTickState | None) -> list[BackfillTickView]:
    """Return the ticks of a backfill in the order of their positions."""
    views = []
    for (owner, position), tick in sorted(tables.backfill_ticks.items()):
        if owner == backfill_id and state in (None, tick.state):
            run = tables.runs.get(tick.run_id) if tick.run_id is not None else None
            number, status = (run.number, run.status) if run else (None, None)
            views.append(BackfillTickView(position, tick.due_at, tick.state, tick.run_id, number, status, tick.reason, tick.message))
    return views


def take_first(found: Iterable[View], limit: int, *, from_end: bool) -> list[View]:
    """Return the first items, or the last ones in the same order."""
    items = list(found)
    return items[-limit:] if from_end and limit else items[:limit]
