"""Reads backfills and their ticks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from adapters.persistence.connection.bulk_parameters import filter_key_range, is_storable_id
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.backfill_rows import to_backfill
from adapters.persistence.tables.backfills import backfill, backfill_tick
from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline
from adapters.persistence.tables.runs import run
from application.queries.views.backfills import BackfillTickView, BackfillView
from domain.backfills.tick import BackfillTickState
from domain.runs.status import Status
from domain.schedules.tick import TickReason

MAX_POSITION = 2**31 - 1
"""The largest position that the column can hold. A cursor beyond it is as good as this one."""
_NAMED = select(backfill, pipeline.c.name.label("pipeline")).join(pipeline, pipeline.c.id == backfill.c.pipeline_id).where(NOT_DELETED)
_TICKS = select(backfill_tick, run.c.number.label("run_number"), run.c.status.label("run_status")).select_from(
    backfill_tick.outerjoin(run, run.c.id == backfill_tick.c.run_id)
)


class BackfillReader:
    """Reads backfills within one transaction."""

    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def page(self, limit: int, pipeline_id: int | None, above: int | None, below: int | None) -> list[BackfillView]:
        query = filter_key_range(_NAMED, backfill.c.id, above, below)
        if pipeline_id is not None:
            if not is_storable_id(pipeline_id):
                return []
            query = query.where(backfill.c.pipeline_id == pipeline_id)
        rows = await self._fetch(query.order_by(backfill.c.id if above is not None else backfill.c.id.desc()).limit(limit))
        found = [BackfillView(to_backfill(row), row.pipeline) for row in rows]
        return found[::-1] if above is not None else found

    async def find(self, backfill_id: int) -> BackfillView | None:
        if not is_storable_id(backfill_id):
            return None
        rows = await self._fetch(_NAMED.where(backfill.c.id == backfill_id))
        return BackfillView(to_backfill(rows[0]), rows[0].pipeline) if rows else None

    async def ticks(
        self, backfill_id: int, limit: int, state: BackfillTickState | None, above: int | None, below: int | None
    ) -> list[BackfillTickView]:
        if not is_storable_id(backfill_id):
            return []
        position = backfill_tick.c.position
        lowest, highest = (None if bound is None else min(bound, MAX_POSITION) for bound in (above, below))
        query = filter_key_range(_TICKS.where(backfill_tick.c.backfill_id == backfill_id), position, lowest, highest)
        if state is not None:
            query = query.where(backfill_tick.c.state == state.value)
        rows = await self._fetch(query.order_by(position.desc() if below is not None else position).limit(limit))
        found = [_to_tick_view(row) for row in rows]
        return found[::-1] if below is not None else found

    async def _fetch(self, query: Select[Any]) -> list[Any]:
        return list((await self._transaction.execute(query)).all())


def _to_tick_view(row: Any) -> BackfillTickView:
    return BackfillTickView(
        row.position,
        row.due_at,
        BackfillTickState(row.state),
        row.run_id,
        row.run_number,
        Status(row.run_status) if row.run_status else None,
        TickReason(row.reason) if row.reason else None,
        row.message,
    )
