"""Mutants of schedules and ticks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import LockedSchedule, StoredSchedule
from application.services.schedules import schedule_sync, tick_planner
from application.services.schedules.schedule_pauses import SchedulePauses
from application.services.schedules.schedule_sync import ScheduleSync
from application.services.schedules.schedule_times import ScheduleTimes, find_definition, is_held, move_to
from application.services.schedules.tick_planner import TickPlanner
from application.services.schedules.tick_service import TickService
from domain.schedules.definition import OverlapPolicy
from domain.schedules.overlap import OverlapAction, decide_overlap
from tests.fakes.persistence.schedules import FakeSchedules
from tests.fakes.persistence.transaction import Transaction
from tests.simulation.actors.store import SimulatedUnitOfWork
from tests.simulation.mutations.mutants import MUTANTS, mutant
from tests.simulation.schedules.schedule_plan import OPERATIONS
from tests.simulation.schedules.store_clock import StoreClock

_BEFORE = set(MUTANTS)


@mutant("the next due time is stored in a transaction after that of the tick", ["kill web"], operations=OPERATIONS, first_seed=4)
def next_due_time_is_stored_later() -> Iterator[None]:
    real = SimulatedUnitOfWork.commit

    async def commit(self: SimulatedUnitOfWork) -> None:
        tx = self.transaction
        moved = dict(tx.schedules.changes) if tx.ticks.changes else {}
        for id in moved:
            del tx.schedules.changes[id]
        await real(self)
        if moved:
            async with self._store.open_unit_of_work() as work:
                for schedule in moved.values():
                    await work.pipelines.find(schedule.pipeline_id, lock=True)
                await work.schedules.save(list(moved.values()))
                await real(work)  # type: ignore[arg-type]

    with patch.object(SimulatedUnitOfWork, "commit", commit):
        yield


class _FastClock(StoreClock):
    """The clock of a process, 20 seconds fast."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock

    def now(self) -> datetime:
        at: datetime = self._clock.now()
        return at + timedelta(seconds=20)


@mutant("due times are compared with the process's own clock", operations=OPERATIONS)
def own_clock() -> Iterator[None]:
    real = TickService.__init__

    def init(self: TickService, uow: Any, opener: Any, *rest: Any) -> None:
        real(self, uow, replace(opener, clock=_FastClock(opener.clock)), *rest)

    with patch.object(TickService, "__init__", init):
        yield


@mutant("missed ticks leave no row", operations=OPERATIONS)
def no_missed_rows() -> Iterator[None]:
    with patch.object(TickPlanner, "_miss", lambda self, reasons: None):
        yield


@mutant("every missed tick has fired", operations=OPERATIONS)
def nothing_is_late() -> Iterator[None]:
    with patch.object(tick_planner, "is_late", lambda fire_at, now: False):
        yield


@mutant("two services decide the ticks of a schedule at once", operations=OPERATIONS)
def unlocked_schedules() -> Iterator[None]:
    real_lock, real_require = Transaction.lock, Transaction.require_lock

    async def lock(self: Transaction, *key: object) -> None:
        if key[0] not in ("pipeline", "tick"):
            await real_lock(self, *key)

    def require_lock(self: Transaction, *key: object) -> None:
        if key[0] != "pipeline":
            real_require(self, *key)

    with patch.object(Transaction, "lock", lock), patch.object(Transaction, "require_lock", require_lock):
        yield


@mutant("a tick cancels the runs of schedules that skip", operations=OPERATIONS, first_seed=10)
def skipped_ticks_cancel() -> Iterator[None]:
    def decide(policy: OverlapPolicy, unfinished: int, waiting: int) -> OverlapAction:
        return decide_overlap(OverlapPolicy.CANCEL_RUNNING if policy is OverlapPolicy.SKIP else policy, unfinished, waiting)

    with patch.object(tick_planner, "decide_overlap", decide):
        yield


@mutant("a pause does not hold the schedules", operations=("pause",), first_seed=146)
def pauses_hold_nothing() -> Iterator[None]:
    async def nothing(self: SchedulePauses, work: Any, schedules: Any, now: datetime, reason: Any) -> None:
        return

    with patch.object(SchedulePauses, "hold", nothing):
        yield


@mutant("resuming fires the ticks of the pause", operations=("pause", "resume"), first_seed=9)
def resuming_fires_past_ticks() -> Iterator[None]:
    async def release(
        self: SchedulePauses, work: Any, pipeline: StoredPipeline, schedules: Sequence[StoredSchedule], *_: Any, **__: Any
    ) -> None:
        if not is_held(pipeline):
            await work.schedules.save([replace(each, next_fire_at=each.next_due_at) for each in schedules if each.paused_at is None])

    with patch.object(SchedulePauses, "release", release):
        yield


def _move_with(*, after_now_only: bool = False, is_resuming: bool = False) -> Any:
    """Return a `_move` of ScheduleSync without one of its guards."""

    def move(self: ScheduleSync, pipeline: StoredPipeline, schedule: StoredSchedule, now: datetime) -> StoredSchedule:
        definition = find_definition(pipeline, schedule.name)
        after = now if after_now_only else max(now, schedule.last_due_at or now)
        time = self.times.find_next(pipeline.id, definition, after) if definition is not None else None
        resumed = replace(schedule, paused_at=None) if is_resuming else schedule
        return move_to(resumed, time, None, is_held=not is_resuming and is_held(pipeline))

    return move


@mutant("applying a definition resumes its schedules", operations=("pause schedule", "change"))
def applying_resumes() -> Iterator[None]:
    with patch.object(ScheduleSync, "_move", _move_with(is_resuming=True)):
        yield


@mutant("a change after the clock was set back fires ticks again", operations=("change",), first_seed=35)
def changes_fire_ticks_again() -> Iterator[None]:
    with patch.object(ScheduleSync, "_move", _move_with(after_now_only=True)):
        yield


@mutant("a change forgets the ticks that were due", operations=("change",), first_seed=9)
def changes_forget_due_ticks() -> Iterator[None]:
    async def keep(schedule: Any) -> Any:
        return schedule

    with patch.object(schedule_sync, "record_undecided_ticks", lambda work, schedule, *_, **__: keep(schedule)):
        yield


@mutant("a change forgets the tick that jitter delays", operations=("change",), first_seed=22)
def changes_forget_delayed_ticks() -> Iterator[None]:
    with patch.object(ScheduleTimes, "find_delayed", lambda self, schedule, definition, now: None):
        yield


@mutant("ticks that wait for an earlier run never start", operations=OPERATIONS, first_seed=4)
def waiting_ticks_never_start() -> Iterator[None]:
    async def nothing(self: FakeSchedules, limit: int, excluded: Any = ()) -> list[LockedSchedule]:
        return []

    with (
        patch.object(FakeSchedules, "lock_released", nothing),
        patch.object(TickPlanner, "_start_waiting", lambda self: None),
    ):
        yield


@mutant("a tick that waits is overtaken by the next", operations=OPERATIONS)
def waiting_ticks_are_overtaken() -> Iterator[None]:
    def start(policy: Any, unfinished: int, waiting: int) -> OverlapAction:
        return OverlapAction.WAIT if unfinished and not waiting else OverlapAction.START

    with patch.object(tick_planner, "decide_overlap", start):
        yield


NAMES = sorted(set(MUTANTS) - _BEFORE)
"""What the mutants of this module do."""
