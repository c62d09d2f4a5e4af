"""Converts between the run aggregate and its rows. The rows of a table travel as one JSON parameter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from sqlalchemy.engine import Row

from adapters.persistence.repositories.runs.flow_run_values import parse_flow_run, to_flow_run_json
from domain.concurrency.slots import SlotState
from domain.flow_runs.flow_run import FlowRun
from domain.pipelines.definition import PipelineDefinition
from domain.runs.attempt import REPORTABLE_FIELDS, Attempt
from domain.runs.dispatch import Dispatch, DispatchState
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status
from domain.runs.trigger import Trigger

ATTEMPT_KEYS = ("position", "number")
ATTEMPT_VALUES = (
    "created_at",
    "status",
    "reason",
    "queued_at",
    "due_at",
    "deadline_at",
    "started_at",
    "finished_at",
    "records_processed",
    "error_message",
    "message",
    "output",
    "epoch",
    "worker",
    "by_person",
    "stop_requested_at",
    "fingerprint",
    "end_reported",
    "flow_run",
)
"""In the order of the fields of `Attempt`."""
EVENT_COLUMNS = ("seq", "type", "at", "stage", "attempt", "status", "actor", "data")
DISPATCH_COLUMNS = ("epoch", "requested_at", "claimed_at", "holder", "ended_at", "lost")

StoredAttempts = dict[tuple[int, int], tuple[Any, ...]]
"""The stored values of each attempt, by (position, number)."""

_get_values = attrgetter(*ATTEMPT_VALUES)
_OUTPUT = ATTEMPT_VALUES.index("output")
_DETAILS = slice(ATTEMPT_VALUES.index(REPORTABLE_FIELDS[0]), _OUTPUT + 1)


def get_attempt_values(run: Run) -> StoredAttempts:
    return {
        (position, attempt.number): _get_values(attempt) for position, stage in enumerate(run.stages.values()) for attempt in stage.attempts
    }


def to_attempt_rows(run: Run, written: Mapping[tuple[int, int], tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return rows of these attempts. Raise ValueError for an output that JSON cannot represent, such as NaN."""
    names = list(run.stages)
    for values in written.values():
        _check_storable(values[_OUTPUT])
    return [
        {"position": position, "number": number, "stage": names[position], **_omit_nulls(ATTEMPT_VALUES, values)}
        for (position, number), values in written.items()
    ]


def _omit_nulls(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    """Leave out missing values: a missing key becomes NULL, and most values of a row are."""
    return {name: _to_storable(value) for name, value in zip(names, values, strict=True) if value is not None}


def _to_storable(value: Any) -> Any:
    return to_flow_run_json(value) if isinstance(value, FlowRun) else value


def parse_attempt_values(stored: Sequence[Any]) -> tuple[Any, ...]:
    """Return the values of a row as `get_attempt_values` returns them."""
    return tuple(stored) if stored[-1] is None else (*stored[:-1], parse_flow_run(stored[-1]))


def get_updated_attempts(run: Run) -> StoredAttempts:
    """Return the attempts that the new events are about, for a run with progress events only."""
    positions = {name: position for position, name in enumerate(run.stages)}
    updated = {event.stage for event in run.new_events if event.stage is not None}
    return {(positions[name], (attempt := run.stages[name].current).number): _get_values(attempt) for name in updated}


def to_progress_rows(written: StoredAttempts) -> list[dict[str, Any]]:
    """Return rows with the reportable fields of these attempts. Raise ValueError as `to_attempt_rows` does."""
    rows = []
    for (position, number), values in written.items():
        details = values[_DETAILS]
        _check_storable(details[-1])
        rows.append({"position": position, "number": number, **_omit_nulls(REPORTABLE_FIELDS, details)})
    return rows


def _check_storable(output: Any) -> None:
    if output is not None:
        json.dumps(output, allow_nan=False)


def to_event_rows(run: Run) -> list[dict[str, Any]]:
    """Return rows of the new events. The keys are spelled out for speed, since no table gets more rows."""
    return [
        {
            "run_id": run.id,
            "pipeline_id": run.pipeline_id,
            "seq": event.seq,
            "type": event.type,
            "at": event.at,
            "stage": event.stage,
            "attempt": event.attempt,
            "status": event.status,
            "actor": event.actor,
            "data": event.data,
        }
        for event in run.new_events
    ]


def to_dispatch_rows(run: Run) -> list[dict[str, Any]]:
    """Return one row for each dispatch in the new events. `requested_at` is stored only for a new dispatch."""
    rows: dict[int, dict[str, Any]] = {}
    for event in run.new_events:
        change = _DISPATCH_CHANGES.get(event.type)
        if change is None:
            continue
        at = event.at
        row = rows.setdefault(event.data["dispatch"], {"epoch": event.data["dispatch"], "requested_at": at, "lost": False})
        if change != "requested_at":
            row[change] = at
        if event.type is EventType.DISPATCH_CLAIMED:
            row["holder"] = event.actor
        row["lost"] = row["lost"] or event.type is EventType.DISPATCH_LOST
    return list(rows.values())


_DISPATCH_CHANGES = {
    EventType.DISPATCH_REQUESTED: "requested_at",
    EventType.DISPATCH_CLAIMED: "claimed_at",
    EventType.DISPATCH_ENDED: "ended_at",
    EventType.DISPATCH_LOST: "ended_at",
    EventType.DISPATCH_CLOSED: "ended_at",
}


def to_run_row(run: Run) -> dict[str, Any]:
    """Return the columns of the run's row that may change."""
    return {
        "status": run.status.value,
        "revision": run.revision,
        "verdict": run.verdict.value if run.verdict else None,
        "records_processed": run.records_processed,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "stop_requested_at": run.stop_requested_at,
        "next_due_at": run.next_due_at(),
        "last_seq": run.last_seq,
        "dispatch_state": run.dispatch.state.value,
        "dispatch_epoch": run.dispatch.epoch,
        "dispatch_holder": run.dispatch.holder,
        "slot_state": run.slot_state.value,
        "over_limit": run.over_limit,
        "reopened_at": run.reopened_at,
        "idle_seconds": run.idle_seconds,
        "idle_since": run.idle_since,
    }


def to_new_run_row(run: Run) -> dict[str, Any]:
    """Return all columns of a new run's row."""
    return to_run_row(run) | {
        "pipeline_id": run.pipeline_id,
        "number": run.number,
        "trigger": run.trigger.kind,
        "actor": run.trigger.actor,
        "repeats": run.trigger.repeats,
        "schedule_id": run.trigger.schedule_id,
        "scheduled_for": run.trigger.scheduled_for,
        "backfill_id": run.trigger.backfill_id,
        "priority": run.priority,
        "parameters": dict(run.parameters),
        "trace": dict(run.trace),
        "pool": run.pool,
        "created_at": run.created_at,
    }


def to_run(row: Row[Any], definition: PipelineDefinition, attempts: StoredAttempts) -> Run:
    """Return the aggregate of a row, its definition and its stored attempts."""
    stages = {stage.name: StageRun(stage) for stage in definition.stages}
    in_order = list(stages.values())
    for (position, number), values in attempts.items():
        in_order[position].attempts.append(to_attempt(number, values))
    return Run(
        pipeline_id=row.pipeline_id,
        definition=definition,
        revision=row.revision,
        number=row.number,
        trigger=Trigger(row.trigger, row.actor, row.repeats, row.schedule_id, row.scheduled_for, row.backfill_id),
        parameters=row.parameters,
        created_at=row.created_at,
        stages=stages,
        id=row.id,
        status=Status(row.status),
        verdict=Status(row.verdict) if row.verdict else None,
        started_at=row.started_at,
        finished_at=row.finished_at,
        stop_requested_at=row.stop_requested_at,
        last_seq=row.last_seq,
        dispatch=Dispatch(DispatchState(row.dispatch_state), row.dispatch_epoch, row.dispatch_holder),
        priority=row.priority,
        slot_state=SlotState(row.slot_state),
        over_limit=row.over_limit,
        reopened_at=row.reopened_at,
        idle_seconds=row.idle_seconds,
        idle_since=row.idle_since,
        trace=row.trace,
    )


def to_attempt(number: int, values: tuple[Any, ...]) -> Attempt:
    attempt = Attempt(number, *values)
    attempt.status = Status(attempt.status)
    attempt.reason = Reason(attempt.reason) if attempt.reason else None
    return attempt
