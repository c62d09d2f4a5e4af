"""The read models of schedules and ticks, from the fake store."""

from dataclasses import replace
from datetime import datetime

from application.queries.views.schedules import ScheduleView, TickView
from tests.fakes.persistence import FakeStore
from tests.fakes.persistence.store import Tables


def list_schedules(tables: Tables) -> list[ScheduleView]:
    """Return all schedules that the newest revisions define, by id."""
    views = []
    for row in sorted(tables.schedules.values(), key=lambda row: row.id):
        pipeline = tables.pipelines[row.pipeline_id]
        for definition in tables.revisions[pipeline.id, pipeline.revision].schedules:
            if definition.name == row.name:
                view = ScheduleView(row.id, pipeline.id, pipeline.name, definition, row.next_due_at, row.next_fire_at)
                views.append(replace(view, paused_at=row.paused_at, paused_by=row.paused_by, paused_until=row.paused_until))
    return views


def get_next_run(tables: Tables, pipeline_id: int) -> tuple[datetime | None, int]:
    """Return when a pipeline runs next by a schedule, and how many of its schedules are paused."""
    rows = [row for row in tables.schedules.values() if row.pipeline_id == pipeline_id]
    times = [row.next_fire_at for row in rows if row.next_fire_at is not None and row.paused_at is None]
    return min(times, default=None), sum(row.paused_at is not None for row in rows)


def list_ticks(store: FakeStore) -> list[TickView]:
    """Return all ticks."""
    tables = store.committed
    views = []
    for key, tick in tables.ticks.items():
        run = tables.runs.get(tick.run_id) if tick.run_id is not None else None
        views.append(
            TickView(
                tables.tick_ids[key],
                tick.schedule_id,
                store.schedule_names[tick.schedule_id],
                tick.pipeline_id,
                tables.pipelines[tick.pipeline_id].name,
                tick.due_at,
                tick.fire_at,
                tick.state,
                tick.decided_at,
                tick.run_id,
                run.number if run else None,
                run.status if run else None,
                tick.reason,
                tick.message,
                tick.count,
            )
        )
    return views
