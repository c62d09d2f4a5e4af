"""Flow runs of stages of kind `prefect` in memory."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta

from application.ports.persistence.flow_runs import FlowLogState, FlowRunRef, FlowRunRequest, FollowedFlowRun
from domain.flow_runs.flow_run import FlowRunChange
from domain.runs.run import Run
from tests.fakes.persistence import values
from tests.fakes.persistence.store import FlowRunRow
from tests.fakes.persistence.transaction import Transaction


class FakeFlowRuns:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def lease_requests(self, limit: int, seconds: float) -> list[FlowRunRequest]:
        tx = await self._transaction.begin_statement()
        now = tx.store.clock.now()
        requests = sorted((row.due_at, ref) for ref, row in tx.flow_runs.items() if row.flow_run_id is None and row.due_at <= now)
        taken = [ref for _, ref in requests if not tx.is_locked_elsewhere("flow run", ref)][:limit]
        leased = []
        for ref in taken:
            await tx.lock("flow run", ref)
            row, until = tx.flow_runs[ref], now + timedelta(seconds=seconds)
            tx.flow_runs[ref] = replace(row, leased_until=until, due_at=until)
            leased.append(FlowRunRequest(ref, row.tries, row.leased_until is not None, row.cancel_requested_at is not None))
        return leased

    async def get_next_request_at(self) -> datetime | None:
        tx = await self._transaction.begin_statement()
        return min((row.due_at for row in tx.flow_runs.values() if row.flow_run_id is None), default=None)

    async def set_created(self, ref: FlowRunRef, flow_run_id: str) -> None:
        now, id = self._transaction.store.clock.now(), values.text(flow_run_id)
        await self._change([ref], lambda row: replace(row, flow_run_id=id, created_at=now, leased_until=None))

    async def postpone(self, ref: FlowRunRef, delay: float) -> None:
        now = self._transaction.store.clock.now()
        due_at = now + timedelta(seconds=delay)
        await self._change([ref], lambda row: replace(row, tries=row.tries + 1, due_at=due_at, leased_until=now))

    async def begin_poll(self, interval: float, limit: int, after: FlowRunRef | None = None) -> list[FollowedFlowRun]:
        tx = await self._transaction.begin_statement()
        if after is None:
            await tx.lock("flow run poll")
            await tx.begin_statement()
            now, polled_at = tx.store.clock.now(), tx.flow_run_polls.get(True)
            if polled_at is not None and polled_at > now - timedelta(seconds=interval):
                return []
            tx.flow_run_polls[True] = now
        followed = sorted(ref for ref, row in tx.flow_runs.items() if row.flow_run_id is not None)
        return [_to_followed(ref, tx.flow_runs[ref]) for ref in followed if after is None or ref > after][:limit]

    async def has_followed(self) -> bool:
        tx = await self._transaction.begin_statement()
        return any(row.flow_run_id is not None for row in tx.flow_runs.values())

    async def find_followed(self, run_ids: Collection[int]) -> list[FollowedFlowRun]:
        tx = await self._transaction.begin_statement()
        rows = sorted((ref, row) for ref, row in tx.flow_runs.items() if row.flow_run_id is not None and ref.run_id in run_ids)
        return [_to_followed(ref, row) for ref, row in rows]

    async def remember(self, ref: FlowRunRef, seen: str) -> None:
        await self._change([ref], lambda row: replace(row, seen=values.text(seen), missing_since=None))

    async def mark_missing(self, refs: Collection[FlowRunRef]) -> None:
        now = self._transaction.store.clock.now()
        await self._change(refs, lambda row: replace(row, missing_since=row.missing_since or now))

    async def mark_cancel_sent(self, refs: Collection[FlowRunRef]) -> None:
        now = self._transaction.store.clock.now()
        await self._change(refs, lambda row: replace(row, cancel_sent_at=now))

    async def mark_pools_checked(self, refs: Collection[FlowRunRef]) -> None:
        now = self._transaction.store.clock.now()
        await self._change(refs, lambda row: replace(row, pool_checked_at=now))

    async def lock_log(self, ref: FlowRunRef) -> FlowLogState | None:
        tx = await self._transaction.begin_statement()
        if ref not in tx.flow_runs:
            return None
        await tx.lock("flow run", ref)
        await tx.begin_statement()
        row = tx.flow_runs.get(ref)
        return row.log if row is not None and row.flow_run_id is not None else None

    async def set_log(self, ref: FlowRunRef, state: FlowLogState) -> None:
        values.moment(state.position.at)
        await self._change([ref], lambda row: replace(row, log=state))

    async def remove(self, refs: Collection[FlowRunRef]) -> None:
        await self._change(refs, lambda _: None)

    async def _change(self, refs: Collection[FlowRunRef], change: Callable[[FlowRunRow], FlowRunRow | None]) -> None:
        tx = await self._transaction.begin_statement()
        for ref in sorted(refs):
            await change_row(tx, ref, change)


async def write_flow_runs(tx: Transaction, run: Run, run_id: int) -> None:
    """Store what is to be done about the run's flow runs."""
    names, now = list(run.stages), tx.store.clock.now()
    for (position, number), change in sorted(run.flow_run_changes.items()):
        ref = FlowRunRef(run_id, names[position], number)
        if change is FlowRunChange.CREATE:
            if ref in tx.flow_runs:
                raise tx.abort(values.RowRejected(f"{ref} was requested already"))
            await tx.lock("flow run", ref)
            tx.flow_runs[ref] = FlowRunRow(now)
        elif change is FlowRunChange.CANCEL:
            await change_row(tx, ref, lambda row: _cancel(row, now))
        else:
            await change_row(tx, ref, lambda _: None)


async def change_row(tx: Transaction, ref: FlowRunRef, change: Callable[[FlowRunRow], FlowRunRow | None]) -> None:
    """Lock the row and store the changed one, or remove it. Do nothing if there is none."""
    if ref not in tx.flow_runs:
        return
    await tx.lock("flow run", ref)
    row = tx.flow_runs.get(ref)
    changed = change(row) if row is not None else None
    if changed is not None:
        tx.flow_runs[ref] = changed
    elif row is not None:
        del tx.flow_runs[ref]


def _cancel(row: FlowRunRow, now: datetime) -> FlowRunRow:
    return replace(row, cancel_requested_at=row.cancel_requested_at or now, due_at=max(now, row.leased_until or now))


def _to_followed(ref: FlowRunRef, row: FlowRunRow) -> FollowedFlowRun:
    return FollowedFlowRun(
        ref,
        row.flow_run_id or "",
        row.created_at or row.due_at,
        row.seen,
        row.missing_since,
        row.cancel_requested_at,
        row.cancel_sent_at,
        row.pool_checked_at,
    )
