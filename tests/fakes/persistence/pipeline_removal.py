"""Removal of deleted pipelines in memory."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from application.ports.persistence.receipts import ReceiptKey
from domain.runs.run import Run
from tests.fakes.persistence import FakeStore
from tests.fakes.persistence.store import Tables

BATCH_RUNS = 50
MAX_UNSETTLED = timedelta(hours=1)
RUN_TABLES = {
    *("events", "dispatches", "flow_runs", "log_lines", "log_progress", "log_unfinished"),
    *("leases", "receipts", "received", "reporters"),
}


class FakePipelineRemoval:
    """Each batch takes effect at once."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    async def find_deleted(self) -> Sequence[int]:
        self._store.require_up()
        return sorted(row.id for row in self._store.committed.pipelines.values() if row.deleting_at is not None)

    async def remove_batch(self, pipeline_id: int, ended_before: datetime) -> int:
        self._store.require_up()
        tables = self._store.committed
        row = tables.pipelines.get(pipeline_id)
        if row is None or row.deleting_at is None:
            return 0
        runs = [run for run in tables.runs.values() if run.pipeline_id == pipeline_id]
        removable = sorted(run.id for run in runs if _is_removable(tables, run, ended_before))[:BATCH_RUNS]
        if removable:
            return _remove_runs(tables, set(removable))
        return 0 if runs else _remove_pipeline(tables, pipeline_id)


def _is_removable(tables: Tables, run: Run, ended_before: datetime) -> bool:
    if run.finished_at is None or run.finished_at >= ended_before:
        return False
    unsettled = [row for (run_id, _), row in tables.dispatches.items() if run_id == run.id and row.flow_run_id and not row.is_settled]
    followed = any(ref.run_id == run.id for ref in tables.flow_runs)
    return not (unsettled or followed) or run.finished_at < ended_before - MAX_UNSETTLED


def _remove_runs(tables: Tables, run_ids: set[int]) -> int:
    removed = _remove(tables.runs, lambda key, _: key in run_ids)
    removed += _remove(tables.outbox, lambda _, row: row.run_id in run_ids)
    for slots in (tables.slots, tables.slot_waits):
        removed += _remove(slots, lambda key, _: key[1] in run_ids)
    for table in fields(tables):
        if table.name in RUN_TABLES:
            removed += _remove(getattr(tables, table.name), lambda key, _: _get_run_id(key) in run_ids)
    return removed


def _get_run_id(key: Any) -> int:
    """Return the id of the run in a key, which is or begins with it."""
    if isinstance(key, ReceiptKey):
        return key.run_id
    return int(key if isinstance(key, int) else key[0])


def _remove_pipeline(tables: Tables, pipeline_id: int) -> int:
    _remove(tables.revisions, lambda key, _: key[0] == pipeline_id)
    _remove(tables.revised_at, lambda key, _: key[0] == pipeline_id)
    _remove(tables.origins, lambda key, _: key[0] == pipeline_id)
    owned = {id for id, backfill in tables.backfills.items() if backfill.pipeline_id == pipeline_id}
    _remove(tables.backfill_ticks, lambda key, _: key[0] in owned)
    _remove(tables.backfills, lambda key, _: key in owned)
    _remove(tables.last_reports, lambda key, _: key.pipeline_id == pipeline_id)
    _remove(tables.limits, lambda _, row: row.pipeline_id == pipeline_id)
    _remove(tables.group_uses, lambda key, _: key[1] == pipeline_id)
    _remove(tables.api_tokens, lambda _, token: token.pipeline_id == pipeline_id)
    _remove_alerts(tables, pipeline_id)
    return _remove(tables.pipelines, lambda key, _: key == pipeline_id)


def _remove_alerts(tables: Tables, pipeline_id: int) -> None:
    messages = {id for id, message in tables.alert_messages.items() if message.pipeline_id == pipeline_id}
    sent = {id for id, delivery in tables.deliveries.items() if delivery.message_id in messages}
    incidents = {id for id, incident in tables.incidents.items() if incident.pipeline_id == pipeline_id}
    _remove(tables.link_uses, lambda key, _: key[0] in sent)
    _remove(tables.deliveries, lambda key, _: key in sent)
    _remove(tables.alert_messages, lambda key, _: key in messages)
    _remove(tables.incident_entries, lambda _, entry: entry.incident_id in incidents)
    _remove(tables.incidents, lambda key, _: key in incidents)
    _remove(tables.rule_states, lambda key, _: key.pipeline_id == pipeline_id)
    _remove(tables.channel_uses, lambda key, _: key[0] == pipeline_id)
    _remove(tables.silences, lambda _, row: row.silence.pipeline_id == pipeline_id)


def _remove(rows: dict[Any, Any], is_removed: Callable[[Any, Any], bool]) -> int:
    removed = [key for key, row in rows.items() if is_removed(key, row)]
    for key in removed:
        del rows[key]
    return len(removed)
