"""Mutants of the product: each removes one guard while its context is open."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from unittest.mock import patch

from application.commands.dispatches import advance_dispatch
from application.commands.reports import report_status
from application.commands.workers.record_heartbeat import RecordHeartbeat
from application.ports.persistence.outbox import OutboxRow
from application.services.dispatch.dispatcher import Dispatcher
from application.services.maintenance.due_run_sweeper import DueRunSweeper
from application.services.maintenance.lease_sweeper import LeaseSweeper
from domain.errors import Unavailable
from domain.reports import stage_rules
from domain.runs.attempt import Attempt
from domain.runs.dispatch import Dispatch, DispatchState
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.status import ATTEMPT_MOVES, Status
from entrypoints.worker.client.api_client import ApiClient
from entrypoints.worker.runner.active_dispatches import ActiveDispatches
from entrypoints.worker.runner.run_executor import RunExecutor
from tests.fakes.persistence.leases import FakeLeases
from tests.fakes.persistence.locks import RowLocks
from tests.fakes.persistence.outbox import FakeOutbox
from tests.fakes.persistence.receipts import FakeReceipts
from tests.fakes.persistence.runs import FakeRuns
from tests.simulation.actors.store import SimulatedUnitOfWork
from tests.simulation.plan import FAULTS, Plan, make_plan

Change = Callable[[], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`remove_guard` opens the context; `plan` draws simulations that must fail meanwhile; `in_reports`: the model of reports catches it
    instead; `in_steps`: a step repeated by hand catches it instead; `first_seed` is tried first, since it is known to fail."""

    remove_guard: Callable[[], AbstractContextManager[None]]
    plan: Callable[[int], Plan]
    in_reports: bool
    in_steps: bool = False
    first_seed: int = 0


MUTANTS: dict[str, Mutant] = {}


def mutant(
    what: str,
    kinds: Sequence[str] = FAULTS,
    *,
    seconds: float | None = None,
    fault_rate: float | None = None,
    report_timeout: float | None = None,
    in_reports: bool = False,
    in_steps: bool = False,
    operations: Sequence[str] | None = None,
    first_seed: int = 0,
) -> Callable[[Change], Change]:
    """Register a mutant. Its simulations have faults of those kinds, and schedules with `operations` of those kinds."""

    def register(change: Change) -> Change:
        plan = partial(make_plan, kinds=kinds, seconds=seconds, fault_rate=fault_rate, report_timeout=report_timeout, operations=operations)
        MUTANTS[what] = Mutant(contextmanager(change), plan, in_reports, in_steps, first_seed)
        return change

    return register


@mutant("any epoch holds the dispatch", in_reports=True)
def no_epoch_guard() -> Iterator[None]:
    def is_held_by(self: Dispatch, worker: str, epoch: int) -> bool:
        return self.state is DispatchState.CLAIMED and self.holder == worker

    def get_stages_running_in(self: Run, epoch: int) -> list[Any]:
        return self.running

    with patch.object(Dispatch, "is_held_by", is_held_by), patch.object(Run, "get_stages_running_in", get_stages_running_in):
        yield


@mutant("any worker holds the dispatch", first_seed=6)
def no_holder_guard() -> Iterator[None]:
    def is_held_by(self: Dispatch, worker: str, epoch: int) -> bool:
        return self.state is DispatchState.CLAIMED

    with patch.object(Dispatch, "is_held_by", is_held_by):
        yield


@contextmanager
def without_rows(*names: str) -> Iterator[None]:
    """Remove these rules from the table that decides on reports."""
    left = tuple(row for row in stage_rules.STAGE_RULES if row.__name__ not in names)
    assert len(left) == len(stage_rules.STAGE_RULES) - len(names)
    with patch.object(stage_rules, "STAGE_RULES", left):
        yield


@mutant("reports of other attempts are applied", in_reports=True)
def no_attempt_guard() -> Iterator[None]:
    with without_rows("check_attempt"):
        yield


@mutant("a terminal status can change", in_reports=True)
def no_finality() -> Iterator[None]:
    loose = ATTEMPT_MOVES | {Status.LOST: frozenset({Status.COMPLETED, Status.FAILED}), Status.FAILED: frozenset({Status.COMPLETED})}
    moves: Callable[[Attempt, Status], bool] = lambda self, to: to in loose[self.status] or not self.status.is_terminal  # noqa: E731
    with (
        patch.object(Attempt, "can_move", moves),
        without_rows("check_final", "check_order"),
        patch("tests.fakes.persistence.runs.check_run", lambda run, before: None),
    ):
        yield


@mutant("a report is answered before its commit", first_seed=17)
def answer_before_commit() -> Iterator[None]:
    real = report_status.ReportStatus.__call__

    async def hasty(self: Any, updates: Any) -> Any:
        answers: list[Any] = []

        class Overheard(report_status.ReportBatch):
            def judge(self, run: Any, update: Any, placed: Any = None) -> Any:
                answers.append(said := super().judge(run, update, placed))
                return said

        with patch.object(report_status, "ReportBatch", Overheard):
            try:
                return await real(self, updates)
            except Unavailable:
                if len(answers) == len(updates):
                    return answers
                raise

    with patch.object(report_status.ReportStatus, "__call__", hasty):
        yield


@mutant("an advance is answered though its commit failed", first_seed=26)
def advance_before_commit() -> Iterator[None]:
    real = SimulatedUnitOfWork.commit

    async def commit(self: SimulatedUnitOfWork) -> None:
        try:
            await real(self)
        except Unavailable:
            return

    with patch.object(SimulatedUnitOfWork, "commit", commit):
        yield


@mutant("the outbox gives a row to several relays", first_seed=8)
def no_outbox_lease() -> Iterator[None]:
    async def lease(self: FakeOutbox, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        tx = await self._transaction.begin_statement()
        now = tx.store.clock.now()
        rows = [(row_id, entry) for row_id, entry in sorted(tx.outbox.items()) if entry.due_at <= now]
        return [OutboxRow(row_id, entry.run_id, entry.epoch, entry.pool, entry.tries, entry.created_at) for row_id, entry in rows[:limit]]

    with patch.object(FakeOutbox, "lease", lease):
        yield


@mutant("run rows are not locked")
def no_row_locks() -> Iterator[None]:
    async def take(self: RowLocks, key: Any) -> asyncio.Lock:
        lock = asyncio.Lock()
        await lock.acquire()
        return lock

    with patch.object(RowLocks, "take", take):
        yield


@mutant("the sweep does not check the lease again under the run's lock", ["store away", "kill web"], seconds=2.0, fault_rate=0.0)
def no_recheck() -> Iterator[None]:
    async def is_expired(self: FakeLeases, run_id: int, epoch: int) -> bool:
        await self._transaction.begin_statement()
        return True

    async def nearly(self: FakeLeases, limit: int) -> list[Any]:
        """Return leases as if they were read before their last renewal."""
        return [row.lease for row in (await self._transaction.begin_statement()).leases.values()][:limit]

    with patch.object(FakeLeases, "is_expired", is_expired), patch.object(FakeLeases, "find_expired", nearly):
        yield


@mutant("event ids are not stored")
def no_receipts() -> Iterator[None]:
    async def find(self: FakeReceipts, keys: Any) -> dict[Any, Any]:
        await self._transaction.begin_statement()
        return {}

    async def add(self: FakeReceipts, receipts: Any, now: datetime) -> None:
        await self._transaction.begin_statement()

    with patch.object(FakeReceipts, "find", find), patch.object(FakeReceipts, "add", add):
        yield


@mutant("the seq of a reporter is ignored", first_seed=17)
def no_seq() -> Iterator[None]:
    with without_rows("check_order"):
        yield


@mutant("a worker starts a repeated start again")
def no_start_deduplication() -> Iterator[None]:
    with (
        patch.object(RunExecutor, "_is_started", lambda self, key: False),
        patch.object(ActiveDispatches, "_is_new", lambda self, key: True),
    ):
        yield


@mutant("a worker sends a report once, answered or not", first_seed=6)
def no_repetition() -> Iterator[None]:
    real = ApiClient._post_until_answered

    async def post_once(self: ApiClient, path: str, body: bytes, trace: Any = None) -> dict[str, Any]:
        async with asyncio.timeout(10.0):
            return await real(self, path, body, trace)

    with patch.object(ApiClient, "_post_until_answered", post_once):
        yield


@mutant("a sweep expires leases right after an outage", ["store away"], seconds=25.0, fault_rate=0.0, first_seed=8)
def no_extend_all() -> Iterator[None]:
    async def only_look(self: LeaseSweeper) -> None:
        async with self._open_unit_of_work() as work:
            await self._ends_gap(work)

    with patch.object(LeaseSweeper, "_extend_all", only_look):
        yield


@mutant("a sweep that was held up does not notice it", ["store stands still"], seconds=25.0, fault_rate=0.0)
def no_gap() -> Iterator[None]:
    async def never(self: LeaseSweeper, work: Any) -> bool:
        await work.leases.get_time()
        return False

    with patch.object(LeaseSweeper, "_ends_gap", never):
        yield


_STORE_FAULTS = ("store away", "store stands still")


@mutant("deadlines are enforced right after an outage", _STORE_FAULTS, seconds=25.0, fault_rate=0.0, report_timeout=5.0)
def no_grace() -> Iterator[None]:
    def always(self: DueRunSweeper, now: datetime) -> bool:
        return True

    with patch.object(DueRunSweeper, "_may_enforce_deadlines", always):
        yield


@mutant("settling a run requests no dispatch", first_seed=7)
def no_next_dispatch() -> Iterator[None]:
    real = Run._request_dispatch

    def only_the_first(self: Run, now: datetime) -> None:
        if self.dispatch.epoch == 0:
            real(self, now)

    with patch.object(Run, "_request_dispatch", only_the_first):
        yield


@mutant("a dispatch is ended though something can start", first_seed=37)
def end_too_early() -> Iterator[None]:
    def end_dispatch(self: Run, now: datetime) -> bool:
        if self.dispatch.state is DispatchState.CLAIMED and not self.get_stages_running_in(self.dispatch.epoch):
            self._close_dispatch(EventType.DISPATCH_ENDED, now)
        return self.dispatch.state is not DispatchState.CLAIMED

    with patch.object(Run, "end_dispatch", end_dispatch):
        yield


@mutant("a claim takes a dispatch that is claimed already", first_seed=6)
def claim_twice() -> Iterator[None]:
    def claim(self: Run, epoch: int, worker: str, now: datetime) -> None:
        self.dispatch = Dispatch(DispatchState.CLAIMED, epoch, worker)
        self.record(EventType.DISPATCH_CLAIMED, now, actor=worker, data={"dispatch": epoch})

    with patch.object(Run, "claim", claim):
        yield


@mutant("a lost start is not sent again", in_steps=True)
def starts_told_once() -> Iterator[None]:
    real = advance_dispatch.build_attempt_starts

    def once(run: Run, tokens: Any, holding: frozenset[tuple[str, int]]) -> list[Any]:
        fresh = {(event.stage, event.attempt) for event in run.new_events if event.status is Status.RUNNING}
        return [start for start in real(run, tokens, holding) if (start.stage, start.attempt) in fresh]

    with patch.object(advance_dispatch, "build_attempt_starts", once):
        yield


@mutant("leases are never swept", first_seed=25)
def no_sweep() -> Iterator[None]:
    async def nothing(self: LeaseSweeper) -> bool:
        return True

    with patch.object(LeaseSweeper, "_expire_leases", nothing):
        yield


@mutant("due retries and deadlines are not looked for", first_seed=6)
def nothing_due() -> Iterator[None]:
    async def find_due(self: FakeRuns, now: datetime, limit: int, *, with_deadlines: bool = True) -> list[int]:
        await self._transaction.begin_statement()
        return []

    with patch.object(FakeRuns, "find_due", find_due):
        yield


@mutant("the dispatcher follows hints only", first_seed=34)
def no_polling() -> Iterator[None]:
    async def nothing(self: Dispatcher) -> None:
        return

    async def no_work(self: RecordHeartbeat, worker: Any) -> list[Any]:
        return []

    with patch.object(Dispatcher, "_poll", nothing), patch.object(RecordHeartbeat, "_take_work", no_work):
        yield


@mutant("a cancel does not close an unclaimed dispatch", ["run cancelled", "kill worker", "kill flow process"], first_seed=4)
def dispatch_outlives_cancel() -> Iterator[None]:
    real = Run._close_dispatch

    def close(self: Run, type: Any, now: datetime, **data: Any) -> None:
        if type is not EventType.DISPATCH_CLOSED or self.stop_requested_at is None:
            real(self, type, now, **data)

    with patch.object(Run, "_close_dispatch", close):
        yield


@mutant("flow runs stay running in Prefect after the end", first_seed=4)
def engine_left_running() -> Iterator[None]:
    from tests.simulation.actors.prefect import SimulatedPrefect

    async def nothing(self: SimulatedPrefect, flow_run_id: str, state: Any, message: str) -> None:
        await self._delay_request()

    with patch.object(SimulatedPrefect, "set_state", nothing):
        yield
