"""Rows of the slots that runs and their stages hold or wait for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.persistence.tables.concurrency import OF_RUN
from domain.concurrency.slots import SlotChange, SlotState
from domain.runs.run import Run


def to_slot_rows(runs: Sequence[Run]) -> dict[str, list[dict[str, Any]]]:
    """Return the parameters of SAVE_SLOTS: what changed, and the slots and the requests that are left of it."""
    rows: dict[str, list[dict[str, Any]]] = {"changed": [], "held": [], "waiting": []}
    for run in runs:
        for change in run.slot_changes.values():
            rows["changed"].append(_to_key(run, change))
            if change.state is SlotState.HELD:
                rows["held"] += _to_bucket_rows(run, change, taken_at=change.at, over_limit=change.over_limit)
            elif change.state is SlotState.WAITING:
                rows["waiting"] += _to_bucket_rows(run, change, waits_since=change.at, priority=change.priority)
    return rows


def _to_key(run: Run, change: SlotChange) -> dict[str, Any]:
    return {"run_id": run.id, "position": OF_RUN if change.position is None else change.position}


def _to_bucket_rows(run: Run, change: SlotChange, **values: Any) -> list[dict[str, Any]]:
    key = _to_key(run, change)
    return [key | values | {"bucket": bucket.name, "limit_name": bucket.limit_name} for bucket in change.buckets]
