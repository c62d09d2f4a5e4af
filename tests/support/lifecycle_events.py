"""Announcements made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from application.ports.telemetry.lifecycle_events import AttemptLifecycleEvent, Phase, RunLifecycleEvent
from domain.runs.status import Status


def just_now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)


def an_announced_run(run_id: int = 7, status: Status = Status.RUNNING, *, now: datetime | None = None, **keys: Any) -> RunLifecycleEvent:
    """A run that waited 2 s and, when it is over, took 30 s."""
    created = now or just_now()
    over = status.is_terminal
    facts: dict[str, Any] = {
        "id": uuid5(NAMESPACE_URL, f"run:{run_id}"),
        "run_id": run_id,
        "number": 3,
        "pipeline": "nightly",
        "revision": 2,
        "trigger": "dashboard",
        "actor": "mara",
        "phase": Phase.FINISHED if over else Phase.STARTED,
        "status": status,
        "created_at": created,
        "started_at": created + timedelta(seconds=2),
        "finished_at": created + timedelta(seconds=32) if over else None,
    }
    return RunLifecycleEvent(**facts | keys)


def an_announced_attempt(
    stage: str = "load", status: Status = Status.RUNNING, *, number: int = 1, run: RunLifecycleEvent | None = None, **keys: Any
) -> AttemptLifecycleEvent:
    """An attempt that was queued for 1 s and, when it is over, took 9 s."""
    run = run or an_announced_run()
    over = status.is_terminal
    facts: dict[str, Any] = {
        "id": uuid5(NAMESPACE_URL, f"{run.id}:{stage}:{number}"),
        "run": run,
        "stage": stage,
        "kind": "command",
        "number": number,
        "phase": Phase.FINISHED if over else Phase.STARTED,
        "status": status,
        "reason": None,
        "created_at": run.created_at,
        "queued_at": run.created_at,
        "started_at": run.created_at + timedelta(seconds=1),
        "finished_at": run.created_at + timedelta(seconds=10) if over else None,
    }
    return AttemptLifecycleEvent(**facts | keys)
