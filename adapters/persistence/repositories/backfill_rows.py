"""Converts between backfills and their rows."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy.engine import Row

from adapters.persistence.connection.bulk_parameters import to_row
from domain.backfills.backfill import Backfill, BackfillState, Progress
from domain.backfills.plan import BackfillOrder, BackfillPlan, ExistingPolicy
from domain.backfills.tick import BackfillTick, BackfillTickState
from domain.schedules.tick import TickReason

PLAN_COLUMNS: Final = ("since", "until", "schedule_id", "schedule", "cron", "timezone", "parallel", "parameters")
"""The columns that are named as in the plan. `tick_order` and `existing` hold words."""
COUNT_COLUMNS: Final = tuple(field.name for field in fields(Progress))
STATE_COLUMNS: Final = (
    "state",
    "paused_at",
    "paused_by",
    "cancelled_at",
    "cancelled_by",
    "finished_at",
    "message",
    "retry_at",
)
TICK_CHANGES: Final = ("state", "run_id", "reason", "message")


def to_backfill(row: Row[Any]) -> Backfill:
    """Return the backfill of a row with all columns of the table."""
    plan = BackfillPlan(
        **{name: getattr(row, name) for name in PLAN_COLUMNS}, order=BackfillOrder(row.tick_order), existing=ExistingPolicy(row.existing)
    )
    state = {name: getattr(row, name) for name in STATE_COLUMNS if name != "state"}
    counts = Progress(**{name: getattr(row, name) for name in COUNT_COLUMNS})
    return Backfill(row.id, row.pipeline_id, plan, row.created_at, row.created_by, state=BackfillState(row.state), progress=counts, **state)


def to_changes(backfill: Backfill) -> dict[str, Any]:
    """Return the columns that change after the backfill was added."""
    return {"id": backfill.id, **to_row(backfill, STATE_COLUMNS), **to_row(backfill.progress, COUNT_COLUMNS)}


def to_backfill_tick(row: Row[Any]) -> BackfillTick:
    reason = TickReason(row.reason) if row.reason else None
    return BackfillTick(row.position, row.due_at, BackfillTickState(row.state), row.run_id, reason, row.message)
