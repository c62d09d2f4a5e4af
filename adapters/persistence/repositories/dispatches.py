"""Dispatches and their place in Prefect; `SqlRuns` inserts their rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, literal, select, text, update
from sqlalchemy.engine import Row

from adapters.persistence.connection.bulk_parameters import is_any_of, is_storable_id
from adapters.persistence.connection.clock import NOW
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.dispatches import UNCLAIMED, UNSETTLED, dispatch
from adapters.persistence.tables.pipelines import pipeline
from adapters.persistence.tables.runs import run
from application.ports.persistence.dispatches import DispatchRecord
from domain.runs.dispatch import DispatchState
from domain.runs.status import Status
from domain.text_validation import find_text_problem

_STATE = case((run.c.dispatch_epoch == dispatch.c.epoch, run.c.dispatch_state), else_=literal(DispatchState.NONE.value))
_RECORDS: Select[Any] = (
    select(dispatch, run.c.number, run.c.trace, run.c.status.label("run_status"), pipeline.c.name.label("pipeline"), _STATE.label("state"))
    .join(run, run.c.id == dispatch.c.run_id)
    .join(pipeline, pipeline.c.id == run.c.pipeline_id)
)
_CLAIMED_BY = select(run.c.id, run.c.dispatch_holder).where(is_any_of(run.c.id, "ids"), run.c.dispatch_state == DispatchState.CLAIMED.value)

_SET_FLOW_RUN = CompiledStatement(
    update(dispatch)
    .where(dispatch.c.run_id == bindparam("run"), dispatch.c.epoch == bindparam("dispatch"))
    .values(flow_run_id=bindparam("flow_run"))
)


class SqlDispatches:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def record_flow_run(self, run_id: int, epoch: int, flow_run_id: str) -> None:
        self._transaction.enqueue(_SET_FLOW_RUN, run=run_id, dispatch=epoch, flow_run=flow_run_id)

    async def find_run_id_by_flow_run(self, flow_run_id: str) -> int | None:
        if find_text_problem(flow_run_id, 200) is not None:
            return None
        query = select(dispatch.c.run_id).where(dispatch.c.flow_run_id == flow_run_id, dispatch.c.ended_at.is_(None)).limit(1)
        return (await self._transaction.execute(query)).scalar_one_or_none()

    async def find(self, run_id: int, epoch: int) -> DispatchRecord | None:
        if not is_storable_id(run_id) or not 0 < epoch < 2**31:
            return None
        row = (await self._transaction.execute(_RECORDS.where(_match(run_id, epoch)))).one_or_none()
        return _to_record(row) if row else None

    async def find_unsettled(self, limit: int) -> list[DispatchRecord]:
        oldest = _RECORDS.where(text(UNSETTLED)).order_by(dispatch.c.requested_at, dispatch.c.run_id, dispatch.c.epoch).limit(limit)
        return [_to_record(row) for row in await self._transaction.execute(oldest)]

    async def mark_settled(self, run_id: int, epoch: int) -> None:
        await self._transaction.execute(update(dispatch).where(_match(run_id, epoch)).values(settled_at=NOW))

    async def find_requested(self, pool: str, limit: int) -> list[tuple[int, int]]:
        query = select(dispatch.c.run_id, dispatch.c.epoch).where(text(UNCLAIMED), dispatch.c.pool == pool)
        rows = await self._transaction.execute(
            query.order_by(dispatch.c.priority.desc(), dispatch.c.requested_at, dispatch.c.run_id).limit(limit)
        )
        return [(row.run_id, row.epoch) for row in rows]

    async def find_holders(self, run_ids: Sequence[int]) -> dict[int, str]:
        rows = await self._transaction.execute(_CLAIMED_BY, {"ids": [run_id for run_id in run_ids if is_storable_id(run_id)]})
        return {row.id: row.dispatch_holder for row in rows}


def _match(run_id: int, epoch: int) -> ColumnElement[bool]:
    return (dispatch.c.run_id == run_id) & (dispatch.c.epoch == epoch)


def _to_record(row: Row[Any]) -> DispatchRecord:
    return DispatchRecord(
        run_id=row.run_id,
        number=row.number,
        epoch=row.epoch,
        pool=row.pool,
        state=DispatchState(row.state),
        requested_at=row.requested_at,
        ended_at=row.ended_at,
        claimed=row.claimed_at is not None,
        lost=row.lost,
        flow_run_id=row.flow_run_id,
        run_status=Status(row.run_status),
        pipeline=row.pipeline,
        trace=row.trace,
    )
