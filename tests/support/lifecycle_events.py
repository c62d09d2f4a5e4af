"""Builders of lifecycle events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from application.ports.telemetry.lifecycle_events import AttemptLifecycleEvent, Phase, RunLifecycleEvent
from domain.runs.status import Status


def a_minute_ago() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)


def a_run_event(run_id: int = 7, status: Status = Status.RUNNING, *, now: datetime | None = None, **keys: Any) -> RunLifecycleEvent:
    """Return an event of a run that was queued for 2 s. If it is finished, it took 30 s."""
    created = now or a_minute_ago()
    is_finished = status.is_terminal
    fields: dict[str, Any] = {
        "id": uuid5(NAMESPACE_URL, f"run:{run_id}"),
        "run_id": run_id,
        "number": 3,
        "pipeline": "nightly",
        "revision": 2,
        "trigger": "dashboard",
        "actor": "mara",
        "phase": Phase.FINISHED if is_finished else Phase.STARTED,
        "status": status,
        "created_at": created,
        "started_at": created + timedelta(seconds=2),
        "finished_at": created + timedelta(seconds=32) if is_finished else None,
    }
    return RunLifecycleEvent(**fields | keys)


def an_attempt_event(
    stage: str = "load", status: Status = Status.RUNNING, *, number: int = 1, run: RunLifecycleEvent | None = None, **keys: Any
) -> AttemptLifecycleEvent:
    """Return an event of an attempt that was queued for 1 s. If it is finished, it took 9 s."""
    run = run or a_run_event()
    is_finished = status.is_terminal
    fields: dict[str, Any] = {
        "id": uuid5(NAMESPACE_URL, f"{run.id}:{stage}:{number}"),
        "run": run,
        "stage": stage,
        "kind": "command",
        "number": number,
        "phase": Phase.FINISHED if is_finished else Phase.STARTED,
        "status": status,
        "reason": None,
        "created_at": run.created_at,
        "queued_at": run.created_at,
        "started_at": run.created_at + timedelta(seconds=1),
        "finished_at": run.created_at + timedelta(seconds=10) if is_finished else None,
    }
    return AttemptLifecycleEvent(**fields | keys)
