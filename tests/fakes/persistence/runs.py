"""Runs with their stages, attempts, events and dispatch requests in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from application.ports.persistence.run_facts import MAX_ERROR_LENGTH, MAX_FAILED_STAGES, FailedStage, RunFacts
from application.ports.persistence.runs import RECENT_RUNS, RecentRuns
from application.queries.views.events import EventView
from domain.runs.deadlines import is_due
from domain.runs.events import Event, EventType
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from tests.fakes.persistence import values
from tests.fakes.persistence.concurrency import write_slots
from tests.fakes.persistence.flow_runs import write_flow_runs
from tests.fakes.persistence.run_constraints import check_run, to_stored
from tests.fakes.persistence.store import DispatchRow, OutboxEntry
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeRuns:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def next_numbers(self, pipeline_ids: Collection[int]) -> Mapping[int, int]:
        tx = await self._transaction.begin_statement()
        numbers = {}
        for pipeline_id in pipeline_ids:
            tx.require_lock("pipeline", pipeline_id)
            numbers[pipeline_id] = max((run.number for run in tx.runs.values() if run.pipeline_id == pipeline_id), default=0) + 1
        return numbers

    async def find_unfinished(self, schedule_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
        tx = await self._transaction.begin_statement()
        unfinished = [run for run in sorted(tx.runs.values(), key=lambda run: run.id) if not run.is_over]
        return {each: [run.id for run in unfinished if run.trigger.schedule_id == each] for each in schedule_ids}

    async def add_all(self, runs: Sequence[Run]) -> None:
        for run in runs:
            await self.add(run)

    async def add(self, run: Run) -> int:
        tx = await self._transaction.begin_statement()
        if run.id:
            raise tx.abort(RowRejected("the run was added already"))
        if (run.pipeline_id, run.revision) not in tx.revisions:
            raise tx.abort(RowRejected("no such revision of such a pipeline"))
        await tx.lock("run number", run.pipeline_id, run.number)
        if any((other.pipeline_id, other.number) == (run.pipeline_id, run.number) for other in tx.runs.values()):
            raise tx.abort(RowRejected(f"pipeline {run.pipeline_id} has a run {run.number} already"))
        run_id = tx.store.next_id("run")
        await tx.lock("run", run_id)
        await self._write(run, run_id, before=None)
        run.id = run_id
        return run_id

    async def lock(self, ids: Sequence[int]) -> dict[int, Run]:
        tx = await self._transaction.begin_statement()
        wanted = [run_id for run_id in sorted(set(ids)) if run_id in tx.runs]
        for run_id in wanted:
            await tx.lock("run", run_id)
        await tx.begin_statement()
        return {run_id: self._load(run_id) for run_id in wanted}

    async def save(self, *runs: Run) -> None:
        tx = await self._transaction.begin_statement()
        for run in runs:
            tx.require_lock("run", run.id)
            await self._write(run, run.id, before=tx.runs[run.id])

    async def find_recent(self, pipeline_ids: Collection[int]) -> Mapping[int, RecentRuns]:
        tx = await self._transaction.begin_statement()
        recent = {}
        for pipeline_id in pipeline_ids:
            runs = sorted((run for run in tx.runs.values() if run.pipeline_id == pipeline_id), key=lambda run: run.id)
            newest = [run.id for run in reversed(runs)][:RECENT_RUNS]
            recent[pipeline_id] = RecentRuns([run.id for run in runs if not run.is_over], newest)
        return recent

    async def find_facts(self, ids: Collection[int], with_parameters: Collection[int] = ()) -> Mapping[int, RunFacts]:
        tx = await self._transaction.begin_statement()
        return {run_id: _to_facts(tx.runs[run_id], run_id, with_parameters) for run_id in sorted(set(ids)) if run_id in tx.runs}

    async def find_due(self, now: datetime, limit: int, *, with_deadlines: bool = True) -> list[int]:
        tx = await self._transaction.begin_statement()
        due = [run for run in tx.runs.values() if not run.is_over and _is_due(run, now)]
        ids = sorted(run.id for run in due if with_deadlines or any(is_due(stage, now) for stage in run.stages.values()))
        return ids[:limit]

    def _load(self, run_id: int) -> Run:
        run = to_stored(self._transaction.runs[run_id], run_id)
        run.definition = self._transaction.revisions[run.pipeline_id, run.revision]
        return run

    async def _write(self, run: Run, run_id: int, before: Run | None) -> None:
        tx = self._transaction
        try:
            check_run(run, before)
            tx.runs[run_id] = to_stored(run, run_id)
            views = [_to_view(run, run_id, event) for event in run.new_events]
        except RowRejected as error:
            raise tx.abort(error) from None
        for view in views:
            tx.events[run_id, view.seq] = view
        await self._update_dispatches(run, run_id)
        if run.new_dispatch is not None:
            self._request_dispatch(run, run_id, run.new_dispatch)
            await self._update_dispatches(run, run_id)
        write_slots(tx, run, run_id)
        await write_flow_runs(tx, run, run_id)
        run.new_events.clear()
        run.new_dispatch = None
        run.slot_changes.clear()
        run.flow_run_changes.clear()

    def _request_dispatch(self, run: Run, run_id: int, epoch: int) -> None:
        tx = self._transaction
        if (run_id, epoch) in tx.dispatches:
            raise tx.abort(RowRejected(f"run {run_id} has a dispatch {epoch} already"))
        requested = [event.at for event in run.new_events if event.type is EventType.DISPATCH_REQUESTED]
        at = requested[-1] if requested else tx.store.clock.now()
        tx.dispatches[run_id, epoch] = DispatchRow(run.pool, at, priority=run.priority)
        tx.outbox[tx.store.next_id("outbox")] = OutboxEntry(run_id, epoch, run.pool, at, tx.store.clock.now())

    async def _update_dispatches(self, run: Run, run_id: int) -> None:
        """Lock the dispatch's row, since recording its flow run does not lock the run."""
        for event in run.new_events:
            key = (run_id, event.data.get("dispatch", 0))
            if event.type is EventType.DISPATCH_CLAIMED and key in self._transaction.dispatches:
                await self._transaction.lock("dispatch", *key)
                self._transaction.dispatches[key] = replace(self._transaction.dispatches[key], is_claimed=True)
            if event.type in _DISPATCH_ENDS and key in self._transaction.dispatches:
                await self._transaction.lock("dispatch", *key)
                row = self._transaction.dispatches[key]
                self._transaction.dispatches[key] = replace(row, ended_at=event.at, lost=event.type is EventType.DISPATCH_LOST)


def _to_facts(run: Run, run_id: int, with_parameters: Collection[int]) -> RunFacts:
    failed = [stage for stage in run.stages.values() if stage.status in (Status.FAILED, Status.LOST)]
    stages = [
        FailedStage(stage.name, stage.status, _cut(stage.current.error_message), stage.current.fingerprint, stage.current.worker)
        for stage in failed[:MAX_FAILED_STAGES]
    ]
    waiting = [stage.name for stage in run.stages.values() if stage.current.reason is Reason.APPROVAL and stage.status is Status.WAITING]
    return RunFacts(
        run_id,
        run.pipeline_id,
        run.number,
        run.status,
        run.created_at,
        run.started_at,
        run.finished_at,
        tuple(stages),
        waiting[0] if waiting else None,
        run.parameters if run.pipeline_id in with_parameters else None,
        run.idle_seconds,
        run.idle_since,
    )


def _cut(text: str | None) -> str | None:
    return text[-MAX_ERROR_LENGTH:] if text else text


_DISPATCH_ENDS = (EventType.DISPATCH_ENDED, EventType.DISPATCH_LOST, EventType.DISPATCH_CLOSED)


def _is_due(run: Run, now: datetime) -> bool:
    """Compare with the time that `next_due` returned when the run was stored."""
    due_at = run.next_due_at()
    return due_at is not None and due_at <= now


def _to_view(run: Run, run_id: int, event: Event) -> EventView:
    return EventView(
        run_id=run_id,
        pipeline_id=run.pipeline_id,
        seq=event.seq,
        type=EventType(event.type),
        at=event.at,
        stage=values.text(event.stage),
        attempt=values.bigint(event.attempt),
        status=Status(event.status) if event.status else None,
        actor=values.text(event.actor),
        data=values.document(dict(event.data)),
    )
