"""Watches the commits of the store, and judges backfills by rules that are written here a second time."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.support.invariants import DOUBLED, LOST, STUCK, WRONG, Violation

TICK_STATES = {"completed": "completed", "failed": "failed", "lost": "failed", "cancelled": "cancelled", "skipped": "skipped"}
"""The state of a tick by the status in which its run ended."""


class BackfillWatch:
    """`observe` sees each transaction before its changes are applied; `check_end` judges what is stored at the end."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._commits = 0
        self._reopened: dict[int, list[int]] = {}
        """By backfill, the commits in which a run was reopened: a retry does not wait for the others of its backfill."""
        self._opened: set[tuple[int, datetime]] = set()

    def observe(self, tx: Any, began: int) -> None:
        """Judge a transaction that began after the commit of this number."""
        self._commits += 1
        committed = tx.store.committed
        started: Counter[int] = Counter()
        for run_id, run in tx.runs.changes.items():
            backfill_id = getattr(getattr(run, "trigger", None), "backfill_id", None)
            if backfill_id is None:
                continue
            before = committed.runs.get(run_id)
            if before is None:
                started[backfill_id] += 1
                self._note_start(backfill_id, run.trigger.scheduled_for)
            elif before.is_over and not run.is_over:
                self._reopened.setdefault(backfill_id, []).append(self._commits)
        for backfill_id in sorted(started):
            self._check_start(tx, backfill_id, began)

    def _note_start(self, backfill_id: int, due_at: datetime) -> None:
        if (backfill_id, due_at) in self._opened:
            self._report(DOUBLED, f"backfill {backfill_id} opens a second run for {due_at:%H:%M}")
        self._opened.add((backfill_id, due_at))

    def _check_start(self, tx: Any, backfill_id: int, began: int) -> None:
        """A backfill that opens runs runs, and has no more unfinished ones than it may, but for those that were retried meanwhile."""
        backfill = tx.store.committed.backfills[backfill_id]
        if backfill.state.value != "running":
            self._report(WRONG, f"backfill {backfill_id} is {backfill.state} and opens a run")
        unfinished = sum(run.trigger.backfill_id == backfill_id and not run.is_over for run in tx.runs.values())
        retried = sum(commit > began for commit in self._reopened.get(backfill_id, ()))
        if unfinished - retried > backfill.plan.parallel:
            self._report(WRONG, f"backfill {backfill_id} has {unfinished} unfinished runs; it may have {backfill.plan.parallel}")

    def check_end(self, tables: Any) -> list[Violation]:
        """Return all violations. All runs are over, and no backfill is paused."""
        return [*self.violations, *self._check_backfills(tables)]

    def _check_backfills(self, tables: Any) -> Iterator[Violation]:
        by_tick = {(run.trigger.backfill_id, run.trigger.scheduled_for): run for run in tables.runs.values() if run.trigger.backfill_id}
        for backfill in tables.backfills.values():
            ticks = [tick for (owner, _), tick in tables.backfill_ticks.items() if owner == backfill.id]
            counts = Counter(tick.state.value for tick in ticks)
            progress = {name: getattr(backfill.progress, name) for name in (*set(TICK_STATES.values()), "pending", "running")}
            if {name: number for name, number in progress.items() if number} != counts:
                yield Violation(WRONG, f"backfill {backfill.id} counts {progress}, its ticks are {dict(counts)}")
            if backfill.finished_at is None or counts["pending"] or counts["running"]:
                yield Violation(STUCK, f"backfill {backfill.id} is {backfill.state}, its ticks are {dict(counts)}")
            for tick in ticks:
                yield from _check_tick(backfill, tick, by_tick.pop((backfill.id, tick.due_at), None))
        for backfill_id, due_at in by_tick:
            yield Violation(WRONG, f"a run of backfill {backfill_id} is for {due_at}, which is none of its ticks")

    def has_followed(self, tables: Any) -> bool:
        """Return whether each tick has the state in which its run ended. A service that was not notified looks every 30 seconds."""
        ticks = [tick for tick in tables.backfill_ticks.values() if tick.run_id in tables.runs]
        return all(tick.state.value == TICK_STATES.get(tables.runs[tick.run_id].status.value) for tick in ticks)

    def _report(self, kind: str, sentence: str) -> None:
        self.violations.append(Violation(kind, sentence))


def _check_tick(backfill: Any, tick: Any, run: Any) -> Iterator[Violation]:
    """Each tick names its run and has the state in which it ended, or says why it has none."""
    where = f"backfill {backfill.id}, tick of {tick.due_at:%H:%M} ({tick.state})"
    if tick.run_id != (run.id if run else None):
        yield Violation(LOST, f"{where} names run {tick.run_id}, and its run is {run.id if run else None}")
    elif run is not None and tick.state.value != TICK_STATES.get(run.status.value):
        yield Violation(WRONG, f"{where}: its run is {run.status}")
    elif run is None and backfill.cancelled_at is None and not (tick.state.value == "skipped" and tick.message):
        yield Violation(LOST, f"{where} has no run and does not say why")
