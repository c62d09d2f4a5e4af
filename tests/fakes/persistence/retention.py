"""Forgetting over a fake store: a week at a time, as partitions go."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.persistence import FakeStore

WEEK = timedelta(days=7)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
AHEAD = 4


class FakeRetention:
    """A partition is there once room was made for it; rows of other weeks are dropped one by one, as from the default partition."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self._weeks: dict[str, set[datetime]] = {"event": set(), "log_line": set()}

    async def create_partitions(self, now: datetime) -> Sequence[str]:
        self._store.require_up()
        first = MONDAY + (now - MONDAY) // WEEK * WEEK
        wanted = [first + WEEK * n for n in range(AHEAD + 1)]
        made = [_name(table, week) for table, weeks in self._weeks.items() for week in wanted if week not in weeks]
        for weeks in self._weeks.values():
            weeks.update(wanted)
        return made

    async def drop_events(self, before: datetime) -> Sequence[str]:
        return self._drop("event", self._store.committed.events, before)

    async def drop_logs(self, before: datetime) -> Sequence[str]:
        return self._drop("log_line", self._store.committed.log_lines, before)

    async def delete_receipts(self, before: datetime) -> int:
        tables = self._store.committed
        _forget(tables.receipts, lambda key, _: tables.received[key] < before)
        return _forget(tables.received, lambda _, at: at < before)

    async def delete_idempotency_answers(self, before: datetime) -> int:
        return _forget(self._store.committed.answers, lambda _, row: row.created_at < before)

    async def delete_workers(self, before: datetime) -> int:
        return _forget(self._store.committed.workers, lambda _, row: row.seen_at < before)

    def _drop(self, table: str, rows: dict[Any, Any], before: datetime) -> Sequence[str]:
        self._store.require_up()
        over = sorted(week for week in self._weeks[table] if week + WEEK <= before)
        kept = self._weeks[table] = self._weeks[table] - set(over)
        _forget(rows, lambda _, row: row.at < before and not any(week <= row.at < week + WEEK for week in kept))
        return [_name(table, week) for week in over]


def _forget(rows: dict[Any, Any], is_over: Callable[[Any, Any], bool]) -> int:
    over = [key for key, row in rows.items() if is_over(key, row)]
    for key in over:
        del rows[key]
    return len(over)


def _name(table: str, week: datetime) -> str:
    return f"{table}_p{week:%Y%m%d}"
