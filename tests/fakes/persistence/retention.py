"""Retention in memory, with weekly partitions."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.alerts.delivery import DeliveryState
from tests.fakes.persistence import FakeStore

WEEK = timedelta(days=7)
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
AHEAD = 4


class FakeRetention:
    """Partitions exist after `create_partitions`. Rows of other weeks are deleted one by one, as from the default partition."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store
        self._weeks: dict[str, set[datetime]] = {"event": set(), "log_line": set(), "tick": set()}

    async def create_partitions(self, now: datetime) -> Sequence[str]:
        self._store.require_up()
        first = MONDAY + (now - MONDAY) // WEEK * WEEK
        weeks_to_create = [first + WEEK * n for n in range(AHEAD + 1)]
        created = [_name(table, week) for table, weeks in self._weeks.items() for week in weeks_to_create if week not in weeks]
        for weeks in self._weeks.values():
            weeks.update(weeks_to_create)
        return created

    async def drop_events(self, before: datetime) -> Sequence[str]:
        return self._drop("event", self._store.committed.events, before)

    async def drop_ticks(self, before: datetime) -> Sequence[str]:
        return self._drop("tick", self._store.committed.ticks, before, "due_at")

    async def drop_logs(self, before: datetime) -> Sequence[str]:
        return self._drop("log_line", self._store.committed.log_lines, before)

    async def delete_site_events(self, before: datetime) -> int:
        self._store.require_up()
        return _delete(self._store.committed.site_events, lambda _, row: row.at < before)

    async def delete_schedules(self, before: datetime) -> int:
        return _delete(self._store.committed.removed_schedules, lambda _, removed_at: removed_at < before)

    async def delete_backfills(self, before: datetime) -> int:
        tables = self._store.committed
        deleted = _delete(tables.backfills, lambda _, row: row.finished_at is not None and row.finished_at < before)
        _delete(tables.backfill_ticks, lambda key, _: key[0] not in tables.backfills)
        return deleted

    async def delete_alerts(self, before: datetime) -> int:
        tables = self._store.committed
        incidents = {id for id, row in tables.incidents.items() if row.resolved_at is not None and row.resolved_at < before}
        waiting = {row.message_id for row in tables.deliveries.values() if row.state is DeliveryState.SCHEDULED}
        messages = {
            id
            for id, row in tables.alert_messages.items()
            if (row.incident_id is None and row.at < before and id not in waiting) or row.incident_id in incidents
        }
        _delete(tables.deliveries, lambda _, row: row.message_id in messages)
        _delete(tables.link_uses, lambda key, _: key[0] not in tables.deliveries)
        _delete(tables.incident_entries, lambda _, row: row.incident_id in incidents)
        _delete(tables.silences, lambda _, row: row.silence.ends_at < before)
        deleted = _delete(tables.alert_messages, lambda id, _: id in messages) + _delete(tables.incidents, lambda id, _: id in incidents)
        used = {row.channel_id for row in tables.deliveries.values()} | {row.channel_id for row in tables.incidents.values()}
        _delete(tables.channels, lambda id, row: row.deleted_at is not None and row.deleted_at < before and id not in used)
        return deleted

    async def delete_receipts(self, before: datetime) -> int:
        tables = self._store.committed
        _delete(tables.receipts, lambda key, _: tables.received[key] < before)
        return _delete(tables.received, lambda _, at: at < before)

    async def delete_reporters(self, before: datetime) -> int:
        return _delete(self._store.committed.last_reports, lambda _, row: row[1] < before)

    async def delete_idempotency_answers(self, before: datetime) -> int:
        return _delete(self._store.committed.answers, lambda _, row: row.created_at < before)

    async def delete_unused_groups(self) -> int:
        tables = self._store.committed
        buckets = {bucket for bucket, *_ in (*tables.slots, *tables.slot_waits)} | {f"group:{group}" for group, _ in tables.group_uses}
        return _delete(tables.limits, lambda name, row: row.pipeline_id is None and row.set_by is None and name not in buckets)

    async def delete_workers(self, before: datetime) -> int:
        return _delete(self._store.committed.workers, lambda _, row: row.seen_at < before)

    async def delete_token_workers(self, before: datetime) -> int:
        tables = self._store.committed
        running = {(row.worker.token_id, row.worker.name) for row in tables.workers.values()}
        return _delete(tables.token_workers, lambda key, row: row.used_at < before and key not in running)

    def _drop(self, table: str, rows: dict[Any, Any], before: datetime, column: str = "at") -> Sequence[str]:
        self._store.require_up()
        expired = sorted(week for week in self._weeks[table] if week + WEEK <= before)
        remaining = self._weeks[table] = self._weeks[table] - set(expired)
        _delete(rows, lambda _, row: (at := getattr(row, column)) < before and not any(week <= at < week + WEEK for week in remaining))
        return [_name(table, week) for week in expired]


def _delete(rows: dict[Any, Any], is_expired: Callable[[Any, Any], bool]) -> int:
    expired = [key for key, row in rows.items() if is_expired(key, row)]
    for key in expired:
        del rows[key]
    return len(expired)


def _name(table: str, week: datetime) -> str:
    return f"{table}_p{week:%Y%m%d}"
