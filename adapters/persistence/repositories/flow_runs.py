"""Stores flow runs of stages of kind `prefect`; `SqlRuns` writes requests and cancellations. Times are the database's clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories import flow_run_statements as sql
from application.ports.dispatch.deployments import FlowLogPosition
from application.ports.persistence.flow_runs import FlowLogState, FlowRunRef, FlowRunRequest, FollowedFlowRun


class SqlFlowRuns:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def lease_requests(self, limit: int, seconds: float) -> list[FlowRunRequest]:
        (rows,) = await self._transaction.fetch_batch((sql.LEASE, {"limit": limit, "seconds": seconds}))
        oldest_first = sorted(rows, key=lambda row: (row.was_due_at, _to_ref(row)))
        return [FlowRunRequest(_to_ref(row), row.tries, row.was_leased, row.is_cancelled) for row in oldest_first]

    async def get_next_request_at(self) -> datetime | None:
        ((row,),) = await self._transaction.fetch_batch((sql.NEXT_REQUEST, {}))
        found: datetime | None = row.due_at
        return found

    async def set_created(self, ref: FlowRunRef, flow_run_id: str) -> None:
        self._transaction.enqueue(sql.SET_CREATED, **_to_parameters(ref), new_id=flow_run_id)

    async def postpone(self, ref: FlowRunRef, delay: float) -> None:
        self._transaction.enqueue(sql.POSTPONE, **_to_parameters(ref), seconds=delay)

    async def begin_poll(self, interval: float, limit: int, after: FlowRunRef | None = None) -> list[FollowedFlowRun]:
        if after is None:
            (rows,) = await self._transaction.fetch_batch((sql.BEGIN_POLL, {"seconds": interval, "limit": limit}))
        else:
            (rows,) = await self._transaction.fetch_batch((sql.CONTINUE_POLL, {"limit": limit, **_to_parameters(after)}))
        return [_to_followed(row) for row in rows]

    async def has_followed(self) -> bool:
        ((row,),) = await self._transaction.fetch_batch((sql.HAS_FOLLOWED, {}))
        return bool(row.has_followed)

    async def find_followed(self, run_ids: Collection[int]) -> list[FollowedFlowRun]:
        (rows,) = await self._transaction.fetch_batch((sql.FIND_FOLLOWED, {"run_ids": list(run_ids)}))
        return [_to_followed(row) for row in rows]

    async def remember(self, ref: FlowRunRef, seen: str) -> None:
        self._transaction.enqueue(sql.REMEMBER, **_to_parameters(ref), new_seen=seen)

    async def mark_missing(self, refs: Collection[FlowRunRef]) -> None:
        self._change_all(sql.MARK_MISSING, refs)

    async def mark_cancel_sent(self, refs: Collection[FlowRunRef]) -> None:
        self._change_all(sql.MARK_CANCEL_SENT, refs)

    async def mark_pools_checked(self, refs: Collection[FlowRunRef]) -> None:
        self._change_all(sql.MARK_POOLS_CHECKED, refs)

    async def lock_log(self, ref: FlowRunRef) -> FlowLogState | None:
        (rows,) = await self._transaction.fetch_batch((sql.LOCK_LOG, _to_parameters(ref)))
        return FlowLogState(_parse_position(rows[0].log_position), rows[0].log_next_index) if rows else None

    async def set_log(self, ref: FlowRunRef, state: FlowLogState) -> None:
        position = {"at": state.position.at, "read_ids": sorted(state.position.read_ids)}
        self._transaction.enqueue(sql.SET_LOG, **_to_parameters(ref), new_position=position, new_index=state.next_index)

    async def remove(self, refs: Collection[FlowRunRef]) -> None:
        self._change_all(sql.REMOVE, refs)

    def _change_all(self, statement: CompiledStatement, refs: Collection[FlowRunRef]) -> None:
        if refs:
            self._transaction.enqueue(statement, refs=[ref._asdict() for ref in refs])


def _to_parameters(ref: FlowRunRef) -> Mapping[str, Any]:
    return {f"this_{name}": value for name, value in ref._asdict().items()}


def _to_ref(row: Any) -> FlowRunRef:
    return FlowRunRef(row.run_id, row.stage, row.attempt)


def _to_followed(row: Any) -> FollowedFlowRun:
    return FollowedFlowRun(
        _to_ref(row),
        row.flow_run_id,
        row.created_at,
        row.seen,
        row.missing_since,
        row.cancel_requested_at,
        row.cancel_sent_at,
        row.pool_checked_at,
    )


def _parse_position(stored: Mapping[str, Any] | None) -> FlowLogPosition:
    if stored is None:
        return FlowLogPosition()
    at = stored["at"]
    return FlowLogPosition(datetime.fromisoformat(at) if at else None, frozenset(stored["read_ids"]))
