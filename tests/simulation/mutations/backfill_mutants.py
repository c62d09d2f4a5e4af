"""Mutants of backfills."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from unittest.mock import patch

from application.ports.persistence.backfills import LockedBackfill
from domain.backfills.backfill import Backfill, BackfillState
from domain.backfills.tick import BackfillTick, BackfillTickState
from tests.fakes.persistence.backfills import FakeBackfills
from tests.simulation.backfills.backfill_plan import add_backfills
from tests.simulation.mutations.mutants import MUTANTS, Change, Mutant
from tests.simulation.plan import Plan, make_plan

_BEFORE = set(MUTANTS)


def backfill_mutant(what: str, kinds: Sequence[str] = (), first_seed: int = 0) -> Callable[[Change], Change]:
    """Register a mutant. Its simulations have backfills of limited pipelines, and faults of those kinds."""

    def draw(seed: int) -> Plan:
        return add_backfills(make_plan(seed, kinds, fault_rate=0.0, limits=()), counts=(1, 2))

    def register(change: Change) -> Change:
        MUTANTS[what] = Mutant(contextmanager(change), draw, in_reports=False, first_seed=first_seed)
        return change

    return register


@backfill_mutant("the unfinished runs of a backfill are those of the pass before", first_seed=8)
def unfinished_runs_are_counted_too_early() -> Iterator[None]:
    real, counts = FakeBackfills.lock_due, [0]

    async def lock_due(self: FakeBackfills, now: datetime, excluded: Collection[int] = ()) -> LockedBackfill | None:
        locked = await real(self, now, excluded)
        if locked is None:
            return None
        counts.append(locked.unfinished_runs)
        return LockedBackfill(locked.backfill, locked.pipeline, counts[-2])

    with patch.object(FakeBackfills, "lock_due", lock_due):
        yield


@backfill_mutant("the run of a tick is not stored with it")
def started_ticks_stay_pending() -> Iterator[None]:
    real = FakeBackfills.save_ticks

    async def save_ticks(self: FakeBackfills, backfill_id: int, ticks: Sequence[BackfillTick]) -> None:
        await real(self, backfill_id, [tick for tick in ticks if tick.state is not BackfillTickState.RUNNING])

    with patch.object(FakeBackfills, "save_ticks", save_ticks):
        yield


@backfill_mutant("a paused backfill opens runs", first_seed=21)
def pauses_are_ignored() -> Iterator[None]:
    real = FakeBackfills._find

    def find(self: FakeBackfills, backfill_id: int) -> Backfill | None:
        row = real(self, backfill_id)
        return replace(row, state=BackfillState.RUNNING) if row is not None and row.state is BackfillState.PAUSED else row

    with patch.object(FakeBackfills, "_find", find):
        yield


NAMES = sorted(set(MUTANTS) - _BEFORE)
"""What the mutants of this module do."""
