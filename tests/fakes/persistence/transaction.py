"""A READ COMMITTED transaction on the store."""

import asyncio
from collections.abc import Callable, ItemsView, Iterator, MutableMapping, ValuesView
from typing import Any, Generic, TypeVar

from domain.errors import HeadgateError
from tests.fakes.persistence.locks import Key
from tests.fakes.persistence.store import FakeStore, Tables
from tests.fakes.persistence.values import RowRejected

K = TypeVar("K")
V = TypeVar("V")
DELETED: Any = object()


class RowNotLocked(Exception):
    """The caller must hold this row's lock and does not, which could lose an update in a race."""


class Overlay(MutableMapping[K, V]):
    """A table as a transaction sees it: the committed rows and its own changes."""

    def __init__(self, committed: dict[K, V]) -> None:
        self._committed = committed
        self.changes: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        row: V = self.changes.get(key, self._committed.get(key, DELETED))
        if row is DELETED:
            raise KeyError(key)
        return row

    def __setitem__(self, key: K, row: V) -> None:
        self.changes[key] = row

    def __delitem__(self, key: K) -> None:
        self[key]
        self.changes[key] = DELETED

    def __iter__(self) -> Iterator[K]:
        return iter(self._list_rows())

    def __len__(self) -> int:
        return len(self._list_rows())

    def items(self) -> ItemsView[K, V]:
        return self._list_rows().items()

    def values(self) -> ValuesView[V]:
        return self._list_rows().values()

    def _list_rows(self) -> dict[K, V]:
        if not self.changes:
            return self._committed.copy()
        return {key: row for key, row in {**self._committed, **self.changes}.items() if row is not DELETED}


class LazyOverlay(Generic[K, V]):
    """An attribute of a transaction: the overlay of a table, created when it is first read."""

    def __init__(self, get_committed: Callable[[Tables], dict[K, V]]) -> None:
        self._get_committed = get_committed

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, transaction: "Transaction", owner: type) -> Overlay[K, V]:
        overlay = Overlay(self._get_committed(transaction.store.committed))
        vars(transaction)[self._name] = overlay
        return overlay


class Transaction:
    """Holds its locks until it ends. After an error it is aborted, as in PostgreSQL, and every statement fails."""

    pipelines = LazyOverlay(lambda tables: tables.pipelines)
    aliases = LazyOverlay(lambda tables: tables.aliases)
    revisions = LazyOverlay(lambda tables: tables.revisions)
    revised_at = LazyOverlay(lambda tables: tables.revised_at)
    origins = LazyOverlay(lambda tables: tables.origins)
    schedules = LazyOverlay(lambda tables: tables.schedules)
    removed_schedules = LazyOverlay(lambda tables: tables.removed_schedules)
    ticks = LazyOverlay(lambda tables: tables.ticks)
    tick_ids = LazyOverlay(lambda tables: tables.tick_ids)
    backfills = LazyOverlay(lambda tables: tables.backfills)
    backfill_ticks = LazyOverlay(lambda tables: tables.backfill_ticks)
    runs = LazyOverlay(lambda tables: tables.runs)
    events = LazyOverlay(lambda tables: tables.events)
    site_events = LazyOverlay(lambda tables: tables.site_events)
    dispatches = LazyOverlay(lambda tables: tables.dispatches)
    flow_runs = LazyOverlay(lambda tables: tables.flow_runs)
    flow_run_polls = LazyOverlay(lambda tables: tables.flow_run_polls)
    outbox = LazyOverlay(lambda tables: tables.outbox)
    receipts = LazyOverlay(lambda tables: tables.receipts)
    reporters = LazyOverlay(lambda tables: tables.reporters)
    last_reports = LazyOverlay(lambda tables: tables.last_reports)
    received = LazyOverlay(lambda tables: tables.received)
    answers = LazyOverlay(lambda tables: tables.answers)
    leases = LazyOverlay(lambda tables: tables.leases)
    log_lines = LazyOverlay(lambda tables: tables.log_lines)
    log_progress = LazyOverlay(lambda tables: tables.log_progress)
    log_unfinished = LazyOverlay(lambda tables: tables.log_unfinished)
    workers = LazyOverlay(lambda tables: tables.workers)
    token_workers = LazyOverlay(lambda tables: tables.token_workers)
    announcements = LazyOverlay(lambda tables: tables.announcements)
    accounts = LazyOverlay(lambda tables: tables.accounts)
    sessions = LazyOverlay(lambda tables: tables.sessions)
    api_tokens = LazyOverlay(lambda tables: tables.api_tokens)
    audit = LazyOverlay(lambda tables: tables.audit)
    slots = LazyOverlay(lambda tables: tables.slots)
    slot_waits = LazyOverlay(lambda tables: tables.slot_waits)
    limits = LazyOverlay(lambda tables: tables.limits)
    group_uses = LazyOverlay(lambda tables: tables.group_uses)
    alert_positions = LazyOverlay(lambda tables: tables.alert_positions)
    rule_states = LazyOverlay(lambda tables: tables.rule_states)
    incidents = LazyOverlay(lambda tables: tables.incidents)
    incident_entries = LazyOverlay(lambda tables: tables.incident_entries)
    alert_messages = LazyOverlay(lambda tables: tables.alert_messages)
    deliveries = LazyOverlay(lambda tables: tables.deliveries)
    link_uses = LazyOverlay(lambda tables: tables.link_uses)
    channels = LazyOverlay(lambda tables: tables.channels)
    channel_uses = LazyOverlay(lambda tables: tables.channel_uses)
    site_rules = LazyOverlay(lambda tables: tables.site_rules)
    silences = LazyOverlay(lambda tables: tables.silences)

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.is_open = True
        self._is_aborted = False
        self._held: dict[Key, asyncio.Lock] = {}

    async def begin_statement(self) -> "Transaction":
        """Begin a statement: let other tasks run, and raise if the transaction is closed or aborted or the store is down."""
        await asyncio.sleep(0)
        if not self.is_open:
            raise RuntimeError("This unit of work is not open.")
        if self._is_aborted:
            raise RowRejected("The transaction is aborted.")
        self.store.require_up()
        return self

    async def lock(self, *key: object) -> None:
        if key not in self._held:
            try:
                self._held[key] = await self.store.locks.take(key)
            except HeadgateError as error:
                raise self.abort(error) from None

    def holds(self, *key: object) -> bool:
        return key in self._held

    def require_lock(self, *key: object) -> None:
        if not self.holds(*key):
            raise RowNotLocked(f"{key} is not locked by this unit of work")

    def is_locked_elsewhere(self, *key: object) -> bool:
        return not self.holds(*key) and self.store.locks.is_locked(key)

    def abort(self, error: Exception) -> Exception:
        self._is_aborted = True
        return error

    def commit(self) -> None:
        changes = {name: part.changes for name, part in vars(self).items() if isinstance(part, Overlay)}
        self.store.committed.apply(changes, DELETED)
        self.store.journal.extend(self.site_events.changes.values())
        self.store.journal.extend(self.events.changes.values())
        run_ids = [*(run_id for run_id, _ in self.log_lines.changes), *(run_id for run_id, *_ in self.log_unfinished.changes)]
        self.store.journal.extend(dict.fromkeys(run_ids))
        self.end()

    def end(self) -> None:
        self.is_open = False
        for lock in self._held.values():
            lock.release()
        self._held.clear()
