"""Dispatches in memory."""

from collections.abc import Sequence
from dataclasses import replace

from application.ports.persistence.dispatches import DispatchRecord
from domain.runs.dispatch import DispatchState
from tests.fakes.persistence import values
from tests.fakes.persistence.store import DispatchRow
from tests.fakes.persistence.transaction import Transaction


class FakeDispatches:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def record_flow_run(self, run_id: int, epoch: int, flow_run_id: str) -> None:
        await self._change(run_id, epoch, flow_run_id=values.text(flow_run_id))

    async def find_run_id_by_flow_run(self, flow_run_id: str) -> int | None:
        tx = await self._transaction.begin_statement()
        opened = ((run_id, row) for (run_id, _), row in tx.dispatches.items() if row.ended_at is None)
        return next((run_id for run_id, row in opened if row.flow_run_id == flow_run_id), None)

    async def find(self, run_id: int, epoch: int) -> DispatchRecord | None:
        tx = await self._transaction.begin_statement()
        return self._record(run_id, epoch) if (run_id, epoch) in tx.dispatches else None

    async def find_unsettled(self, limit: int) -> list[DispatchRecord]:
        tx = await self._transaction.begin_statement()
        open_ones = [(row.requested_at, key) for key, row in tx.dispatches.items() if row.flow_run_id and not row.is_settled]
        return [self._record(*key) for _, key in sorted(open_ones)[:limit]]

    async def mark_settled(self, run_id: int, epoch: int) -> None:
        await self._change(run_id, epoch, is_settled=True)

    async def find_requested(self, pool: str, limit: int) -> list[tuple[int, int]]:
        tx = await self._transaction.begin_statement()
        waiting = [
            (-row.priority, row.requested_at, key)
            for key, row in tx.dispatches.items()
            if row.pool == pool and self._is_current(*key) and tx.runs[key[0]].dispatch.state is DispatchState.REQUESTED
        ]
        return [key for *_, key in sorted(waiting)[:limit]]

    async def find_holders(self, run_ids: Sequence[int]) -> dict[int, str]:
        tx = await self._transaction.begin_statement()
        dispatches = {run_id: tx.runs[run_id].dispatch for run_id in run_ids if run_id in tx.runs}
        return {
            run_id: dispatch.holder
            for run_id, dispatch in dispatches.items()
            if dispatch.state is DispatchState.CLAIMED and dispatch.holder
        }

    async def _change(self, run_id: int, epoch: int, **changes: object) -> None:
        tx = await self._transaction.begin_statement()
        if (run_id, epoch) in tx.dispatches:
            await tx.lock("dispatch", run_id, epoch)
            row: DispatchRow = replace(tx.dispatches[run_id, epoch], **changes)  # type: ignore[arg-type]
            tx.dispatches[run_id, epoch] = row

    def _is_current(self, run_id: int, epoch: int) -> bool:
        dispatch = self._transaction.runs[run_id].dispatch
        return dispatch.epoch == epoch and dispatch.state is not DispatchState.NONE

    def _record(self, run_id: int, epoch: int) -> DispatchRecord:
        run, row = self._transaction.runs[run_id], self._transaction.dispatches[run_id, epoch]
        return DispatchRecord(
            run_id=run_id,
            number=run.number,
            epoch=epoch,
            pool=row.pool,
            state=run.dispatch.state if run.dispatch.epoch == epoch else DispatchState.NONE,
            requested_at=row.requested_at,
            ended_at=row.ended_at,
            claimed=row.is_claimed,
            lost=row.lost,
            flow_run_id=row.flow_run_id,
            run_status=run.status,
            pipeline=self._transaction.pipelines[run.pipeline_id].name,
            trace=run.trace,
        )
