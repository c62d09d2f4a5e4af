"""A READ COMMITTED transaction on the store."""

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar

from domain.errors import HeadgateError
from tests.fakes.persistence.locks import Key
from tests.fakes.persistence.store import FakeStore
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
        return iter([key for key in {**self._committed, **self.changes} if self.changes.get(key) is not DELETED])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Transaction:
    """Holds its locks until it ends. After an error it is aborted, as in PostgreSQL, and every statement fails."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        tables = store.committed
        self.pipelines = Overlay(tables.pipelines)
        self.aliases = Overlay(tables.aliases)
        self.revisions = Overlay(tables.revisions)
        self.revised_at = Overlay(tables.revised_at)
        self.schedules = Overlay(tables.schedules)
        self.removed_schedules = Overlay(tables.removed_schedules)
        self.ticks = Overlay(tables.ticks)
        self.tick_ids = Overlay(tables.tick_ids)
        self.backfills = Overlay(tables.backfills)
        self.backfill_ticks = Overlay(tables.backfill_ticks)
        self.runs = Overlay(tables.runs)
        self.events = Overlay(tables.events)
        self.site_events = Overlay(tables.site_events)
        self.dispatches = Overlay(tables.dispatches)
        self.outbox = Overlay(tables.outbox)
        self.receipts = Overlay(tables.receipts)
        self.reporters = Overlay(tables.reporters)
        self.last_reports = Overlay(tables.last_reports)
        self.received = Overlay(tables.received)
        self.answers = Overlay(tables.answers)
        self.leases = Overlay(tables.leases)
        self.log_lines = Overlay(tables.log_lines)
        self.log_progress = Overlay(tables.log_progress)
        self.log_unfinished = Overlay(tables.log_unfinished)
        self.workers = Overlay(tables.workers)
        self.announcements = Overlay(tables.announcements)
        self.accounts = Overlay(tables.accounts)
        self.sessions = Overlay(tables.sessions)
        self.api_tokens = Overlay(tables.api_tokens)
        self.audit = Overlay(tables.audit)
        self.slots = Overlay(tables.slots)
        self.slot_waits = Overlay(tables.slot_waits)
        self.limits = Overlay(tables.limits)
        self.group_uses = Overlay(tables.group_uses)
        self.alert_positions = Overlay(tables.alert_positions)
        self.rule_states = Overlay(tables.rule_states)
        self.incidents = Overlay(tables.incidents)
        self.incident_entries = Overlay(tables.incident_entries)
        self.alert_messages = Overlay(tables.alert_messages)
        self.deliveries = Overlay(tables.deliveries)
        self.link_uses = Overlay(tables.link_uses)
        self.channels = Overlay(tables.channels)
        self.channel_uses = Overlay(tables.channel_uses)
        self.site_rules = Overlay(tables.site_rules)
        self.silences = Overlay(tables.silences)
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
