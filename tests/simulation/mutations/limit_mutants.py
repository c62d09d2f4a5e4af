"""Mutants of concurrency limits."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from application.commands.runs import slot_admission
from application.commands.runs.slot_admission import SlotAdmission, SlotDemand
from application.services.concurrency import grant_service
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.concurrency import allocation
from domain.concurrency.allocation import Allocation, BucketState
from domain.concurrency.bucket import Bucket
from domain.concurrency.definition import WhenFull
from domain.concurrency.slots import SlotRequest
from domain.runs import run_slots
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from tests.fakes.persistence.concurrency import FakeConcurrency
from tests.fakes.persistence.leases import FakeLeases
from tests.fakes.persistence.transaction import DELETED, Transaction
from tests.simulation.actors.store import SimulatedUnitOfWork
from tests.simulation.limits.limit_plan import RAISED_PIPELINE, RAISING_OPERATIONS
from tests.simulation.mutations.mutants import MUTANTS, Change, Mutant
from tests.simulation.plan import Plan, make_plan

_BEFORE = set(MUTANTS)


def limit_mutant(
    what: str, kinds: Sequence[str] = (), operations: Sequence[str] = (), first_seed: int = 0, **changes: Any
) -> Callable[[Change], Change]:
    """Register a mutant. Its simulations have limited pipelines only, faults of those kinds, and operations beside the triggers.

    `changes` are made to each plan.
    """

    def register(change: Change) -> Change:
        def draw(seed: int) -> Plan:
            return replace(make_plan(seed, kinds, fault_rate=0.0, limits=operations), **changes)

        MUTANTS[what] = Mutant(contextmanager(change), draw, in_reports=False, first_seed=first_seed)
        return change

    return register


@limit_mutant("a limit is read before its bucket is locked", slow_statements=0.2, first_seed=2)
def read_before_the_lock() -> Iterator[None]:
    real = FakeConcurrency.lock

    async def lock(self: FakeConcurrency, buckets: Collection[Bucket]) -> Mapping[str, BucketState]:
        tx = await self._transaction.begin_statement()
        states = {bucket.name: self._get_state(bucket.name, bucket.limit_name) for bucket in buckets}
        await tx.begin_statement()
        await real(self, buckets)
        return states

    with patch.object(FakeConcurrency, "lock", lock):
        yield


@limit_mutant("buckets are not locked", slow_statements=0.2)
def buckets_without_locks() -> Iterator[None]:
    real = Transaction.lock

    async def lock(self: Transaction, *key: object) -> None:
        if key[0] != "bucket":
            await real(self, *key)

    with patch.object(Transaction, "lock", lock):
        yield


@limit_mutant("slots are released in a transaction after that of the end", ["kill web"])
def slots_are_released_later() -> Iterator[None]:
    real = SimulatedUnitOfWork.commit

    async def commit(self: SimulatedUnitOfWork) -> None:
        tx = self.transaction
        released = [key for key, row in tx.slots.changes.items() if row is DELETED]
        for key in released:
            del tx.slots.changes[key]
        await real(self)
        if released:
            async with self._store.open_unit_of_work() as work:
                for key in released:
                    work.transaction.slots.changes[key] = DELETED
                await real(work)

    with patch.object(SimulatedUnitOfWork, "commit", commit):
        yield


@limit_mutant("a grant does not check that the run still waits", operations=("cancel run",) * 3, slow_statements=0.3, first_seed=28)
def grants_without_a_check() -> Iterator[None]:
    with patch.object(grant_service, "waits_for_slots", lambda run, position: True):
        yield


@limit_mutant("a request that does not fit blocks those behind it")
def blocked_heads_block() -> Iterator[None]:
    async def find_grantable(self: FakeConcurrency, limit: int) -> list[SlotRequest]:
        await self._transaction.begin_statement()
        found: list[SlotRequest] = []
        for request in self._get_requests():
            if not all(self._get_state(bucket.name, bucket.limit_name).has_room for bucket in request.buckets):
                break
            found.append(request)
        return found[:limit]

    with patch.object(FakeConcurrency, "find_grantable", find_grantable):
        yield


@limit_mutant("priorities are ignored")
def priorities_are_ignored() -> Iterator[None]:
    with patch.object(allocation, "sort_requests", lambda requests: sorted(requests, key=lambda each: (each.waits_since, each.run_id))):
        yield


@limit_mutant("the newest request comes first")
def newest_first() -> Iterator[None]:
    def sort(requests: Iterable[SlotRequest]) -> list[SlotRequest]:
        return sorted(requests, key=lambda each: (each.priority, each.waits_since), reverse=True)

    with patch.object(allocation, "sort_requests", sort):
        yield


@limit_mutant("one free bucket of several is enough", first_seed=20)
def one_bucket_is_enough() -> Iterator[None]:
    def fits(self: Allocation, buckets: Iterable[Bucket]) -> bool:
        return any((state := self._states.get(bucket.name)) is not None and state.has_room for bucket in buckets)

    with patch.object(Allocation, "fits", fits):
        yield


@limit_mutant("new runs overtake those that wait", first_seed=32)
def new_runs_overtake() -> Iterator[None]:
    with patch.object(Allocation, "is_full", lambda self, bucket: not self._states[bucket.name].has_room):
        yield


@limit_mutant("leases end before their time, with their slots", ["freeze web"])
def slots_are_freed_before_the_lease_ends() -> Iterator[None]:
    def is_expired(self: FakeLeases, row: Any) -> bool:
        return bool(row.until - timedelta(seconds=16) <= self._transaction.store.clock.now())

    with patch.object(FakeLeases, "_is_expired", is_expired):
        yield


@limit_mutant("a run that waits for an approval keeps its slots")
def approvals_keep_slots() -> Iterator[None]:
    with patch.object(run_slots, "_waits_for_approvals_only", lambda run: False):
        yield


@limit_mutant("an approval with hold gives the slots back")
def holds_are_ignored() -> Iterator[None]:
    real = run_slots._waits_for_approvals_only

    def waits_for_approvals_only(run: Run) -> bool:
        without = [replace(stage.definition, hold=False) for stage in run.stages.values()]
        before = [stage.definition for stage in run.stages.values()]
        for stage, definition in zip(run.stages.values(), without, strict=True):
            stage.definition = definition
        try:
            return real(run)
        finally:
            for stage, definition in zip(run.stages.values(), before, strict=True):
                stage.definition = definition

    with patch.object(run_slots, "_waits_for_approvals_only", waits_for_approvals_only):
        yield


@limit_mutant("a raised limit wakes nothing", pipelines=(RAISED_PIPELINE,), limit_operations=RAISING_OPERATIONS)
def raised_limits_wake_nothing() -> Iterator[None]:
    with patch.object(LocalWakeups, "notify_slots_changed", lambda self: None):
        yield


@limit_mutant("slots over the limit are not counted", operations=("start over the limit", "trigger over the limit"))
def slots_over_the_limit_do_not_count() -> Iterator[None]:
    real = FakeConcurrency._get_state

    def get_state(self: FakeConcurrency, bucket: str, limit_name: str) -> BucketState:
        over = sum(row.over_limit for key, row in self._transaction.slots.items() if key[0] == bucket)
        state = real(self, bucket, limit_name)
        return replace(state, held=state.held - over)

    with patch.object(FakeConcurrency, "_get_state", get_state):
        yield


@limit_mutant("a stage keeps its slots between its attempts", first_seed=2)
def stages_keep_slots_between_attempts() -> Iterator[None]:
    real = run_slots.release_stage_slots

    def release(run: Run, stage: StageRun, now: Any) -> None:
        if not stage.definition.retries:
            real(run, stage, now)

    with patch.object(run_slots, "release_stage_slots", release):
        yield


@limit_mutant("keep_newest cancels runs that hold slots")
def the_newest_cancels_running_ones() -> Iterator[None]:
    real = SlotAdmission.replace_others

    def replace_others(self: SlotAdmission, demand: SlotDemand, *rest: Any) -> None:
        limits = [(replace(limit, when_full=_CANCELLING.get(limit.when_full, limit.when_full)), bucket) for limit, bucket in demand.limits]
        real(self, replace(demand, limits=limits), *rest)

    with (
        patch.object(SlotAdmission, "replace_others", replace_others),
        patch.object(slot_admission, "_find_crowded_buckets", _find_all_buckets),
    ):
        yield


@limit_mutant("a retried run counts the time before its end as idle", operations=("retry run",) * 3, first_seed=8)
def runs_are_idle_before_their_end() -> Iterator[None]:
    real = Run.reopen

    def reopen(self: Run, now: datetime, actor: str | None, data: Mapping[str, Any]) -> None:
        if self.is_over and self.started_at is not None:
            self.idle_seconds += (now - self.started_at).total_seconds()
        real(self, now, actor, data)

    with patch.object(Run, "reopen", reopen):
        yield


_CANCELLING = {WhenFull.KEEP_NEWEST: WhenFull.CANCEL_RUNNING}


def _find_all_buckets(allocation: Allocation, demands: Sequence[SlotDemand]) -> dict[Bucket, set[WhenFull]]:
    return {bucket: {WhenFull.CANCEL_RUNNING} for demand in demands for _, bucket in demand.limits}


NAMES = sorted(set(MUTANTS) - _BEFORE)
"""What the mutants of this module do."""
