"""Watches the commits of the store, and judges the ledger of ticks by rules that are written here a second time."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.runs.run import Run
from domain.schedules.tick import Tick, TickState
from tests.fakes.persistence.store import Tables
from tests.fakes.persistence.transaction import DELETED, Transaction
from tests.support.invariants import DOUBLED, LOST, STUCK, WRONG, Violation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ON_TIME = timedelta(seconds=60)
REPLACED_BY_TICK = "The next tick of the schedule replaces this run."
STARTED = frozenset({TickState.FIRED, TickState.LATE})


@dataclass(frozen=True, slots=True)
class Moment:
    """When a transaction began and committed, by the clock of the store. `is_exact` unless the clock was set in between."""

    began_at: datetime
    committed_at: datetime
    is_exact: bool


class TickWatch:
    """`observe` sees each transaction before its changes are applied; `check_end` judges what is stored at the end."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self._created: dict[int, tuple[str, int, datetime]] = {}
        self._released_at: dict[int, datetime] = {}
        self._last_due: dict[int, datetime] = {}

    def observe(self, tx: Transaction, moment: Moment) -> None:
        if tx.schedules.changes or tx.pipelines.changes:
            self._observe_schedules(tx, moment)
        for tick in sorted(tx.ticks.changes.values(), key=lambda tick: tick.due_at):
            self._observe_tick(tx, tick, moment)
        for event in tx.events.changes.values():
            if event is not DELETED and event.type == "run.cancel_requested" and event.data.get("message") == REPLACED_BY_TICK:
                self._observe_replacement(tx, event.run_id)

    def _observe_replacement(self, tx: Transaction, run_id: int) -> None:
        """A tick cancels only runs of its own schedule, and only if the schedule says `cancel_running`."""
        schedule_id = tx.runs[run_id].trigger.schedule_id
        timing = _get_timing(tx, schedule_id) if schedule_id in tx.schedules else None
        if getattr(timing, "overlap", None) != "cancel_running":
            self._report(WRONG, f"run {run_id} was replaced by a tick of schedule {schedule_id}, which is {timing}")
        elif schedule_id not in {id for id, _ in tx.ticks.changes}:
            self._report(WRONG, f"run {run_id} was replaced by the next tick of schedule {schedule_id}, which was not decided")

    def _observe_schedules(self, tx: Transaction, moment: Moment) -> None:
        """Note from when on a schedule fires: ticks before that are never run unasked."""
        for id, schedule in tx.schedules.items():
            if id not in self._created:
                self._created[id] = schedule.name, schedule.pipeline_id, moment.began_at
                self._released_at[id] = moment.began_at
                continue
            is_released = _is_held(tx.store.committed, id) and not _is_held(tx, id)
            if is_released and tx.revisions.changes:
                self._report(WRONG, f"schedule {id}: a new definition resumed it")
            if is_released or _get_timing(tx, id) != _get_timing(tx.store.committed, id):
                self._released_at[id] = moment.began_at

    def _observe_tick(self, tx: Transaction, tick: Tick, moment: Moment) -> None:
        id, where = tick.schedule_id, f"schedule {tick.schedule_id}, tick of {tick.due_at:%H:%M:%S} ({tick.state})"
        before = tx.store.committed.ticks.get((id, tick.due_at))
        if before is None:
            if tick.due_at <= self._last_due.get(id, EPOCH):
                self._report(DOUBLED, f"{where}: a later tick was decided before")
            if tick.state in STARTED | {TickState.WAITING} and tick.fire_at <= self._released_at[id]:
                self._report(WRONG, f"{where}: it is older than the last change or resumption at {self._released_at[id]:%H:%M:%S}")
            self._last_due[id] = max(tick.due_at, self._last_due.get(id, EPOCH))
        elif before.state is not TickState.WAITING and before != tick:
            self._report(DOUBLED, f"{where}: it was {before.state} before")
        if tick.state in STARTED:
            if _is_held(tx.store.committed, id):
                self._report(WRONG, f"{where}: the schedule or its pipeline is paused or archived")
            self._check_times(where, tick, moment, has_waited=before is not None)

    def _check_times(self, where: str, tick: Tick, moment: Moment, *, has_waited: bool) -> None:
        """A tick that waited may start before its time: after the clock was set back."""
        if not moment.is_exact:
            return
        if not moment.began_at <= tick.decided_at <= moment.committed_at:
            self._report(WRONG, f"{where}: decided at {tick.decided_at}, between {moment.began_at} and {moment.committed_at}")
        is_early = tick.decided_at < tick.fire_at and not has_waited
        if is_early or (tick.decided_at - tick.fire_at <= ON_TIME) != (tick.state is TickState.FIRED):
            self._report(WRONG, f"{where}: to be fired at {tick.fire_at}, decided at {tick.decided_at}")

    def check_end(self, tables: Tables, definitions: Mapping[str, Mapping[str, Any]]) -> list[Violation]:
        """Return all violations. `definitions` are the schedules as written, by name; their times never change."""
        return [*self.violations, *self._check_ledger(tables, definitions), *_check_runs(tables)]

    def _check_ledger(self, tables: Tables, definitions: Mapping[str, Mapping[str, Any]]) -> Iterator[Violation]:
        """Each due time since the creation has one row, or is counted in one."""
        rows: dict[int, list[Tick]] = {id: [] for id in self._created}
        for tick in tables.ticks.values():
            rows[tick.schedule_id].append(tick)
        for id, (name, _, created_at) in self._created.items():
            expected, jitter = _list_due(definitions[name], created_at), timedelta(seconds=definitions[name]["jitter"])
            covered: Counter[datetime] = Counter()
            for tick in rows[id]:
                where = f"schedule {id}, tick of {tick.due_at:%H:%M:%S}"
                if not _is_due(definitions[name], tick.due_at):
                    yield Violation(WRONG, f"{where} is none of its times")
                every = timedelta(seconds=definitions[name]["every"])
                covered.update(tick.due_at + index * every for index in range(tick.count))
                if not tick.due_at <= tick.fire_at <= tick.due_at + jitter:
                    yield Violation(WRONG, f"{where} fires at {tick.fire_at}, outside its jitter")
                if tick.state is TickState.WAITING:
                    yield Violation(STUCK, f"{where} still waits")
                if tick.state is not TickState.FIRED and not tick.message:
                    yield Violation(WRONG, f"{where} is {tick.state} and does not say why")
            for due_at in expected:
                if covered[due_at] != 1:
                    kind = DOUBLED if covered[due_at] else LOST
                    yield Violation(kind, f"schedule {id}, due at {due_at:%H:%M:%S}, has {covered[due_at]} rows")

    def _report(self, kind: str, sentence: str) -> None:
        self.violations.append(Violation(kind, sentence))


def _check_runs(tables: Tables) -> Iterator[Violation]:
    """Each fired tick has its own run, each scheduled run its tick, and the runs of a schedule begin in the order of their ticks."""
    owners: Counter[int] = Counter()
    for tick in tables.ticks.values():
        if tick.run_id is not None:
            owners[tick.run_id] += 1
        run = tables.runs.get(tick.run_id or 0)
        is_own = run is not None and (run.trigger.schedule_id, run.trigger.scheduled_for) == (tick.schedule_id, tick.due_at)
        if (tick.state in STARTED) != is_own:
            yield Violation(LOST, f"the tick of {tick.due_at:%H:%M:%S} is {tick.state}, its run {tick.run_id} is {run and run.trigger}")
    newest: dict[int, datetime] = {}
    for run in _list_scheduled_runs(tables):
        if owners[run.id] != 1:
            yield Violation(DOUBLED, f"run {run.id} of the tick of {run.trigger.scheduled_for} has {owners[run.id]} ticks")
        schedule_id, due_at = run.trigger.schedule_id or 0, run.trigger.scheduled_for or EPOCH
        if due_at <= newest.get(schedule_id, EPOCH):
            yield Violation(WRONG, f"run {run.id} of the tick of {due_at} began after that of {newest[schedule_id]}")
        newest[schedule_id] = due_at


def _list_scheduled_runs(tables: Tables) -> list[Run]:
    return [run for _, run in sorted(tables.runs.items()) if run.trigger.kind == "schedule"]


def _is_due(schedule: Mapping[str, Any], at: datetime) -> bool:
    """Return True if the schedule fires then. That may be before its creation, once the clock was set back."""
    times = _list_due(schedule, at - timedelta(microseconds=1))
    return times[:1] == [at]


def _list_due(schedule: Mapping[str, Any], created_at: datetime) -> list[datetime]:
    """Return the times of a schedule from its creation to its end."""
    every, offset = timedelta(seconds=schedule["every"]), timedelta(seconds=schedule["offset"])
    end = datetime.fromisoformat(schedule["end"]).replace(tzinfo=UTC)
    first = EPOCH + offset + ((created_at - EPOCH - offset) // every + 1) * every
    return [first + index * every for index in range(max(0, (end - first) // every + 1))]


def _is_held(tables: Any, id: int) -> bool:
    """Return True if the schedule or its pipeline is paused or archived, in the committed tables or in a transaction's."""
    schedule = tables.schedules[id]
    activation = tables.pipelines[schedule.pipeline_id].activation
    return any(at is not None for at in (schedule.paused_at, activation.paused_at, activation.archived_at))


def _get_timing(tables: Any, id: int) -> object:
    """Return the definition of the schedule."""
    pipeline = tables.pipelines[tables.schedules[id].pipeline_id]
    definition = tables.revisions[pipeline.id, pipeline.revision]
    return definition is not DELETED and next(each for each in definition.schedules if each.name == tables.schedules[id].name)
