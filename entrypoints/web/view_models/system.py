"""How Headgate itself is doing: a sentence a part, and what to do where it is not well."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from application.ports.queries.health_metrics import HealthMetrics
from application.queries.explain.durations import format_duration
from application.queries.explain.run_context_loader import WORKER_SEEN_WITHIN_SECONDS
from application.queries.views.workers import WorkerView
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp, pluralize

OUTBOX_DELAY_LIMIT = 60.0
"""Seconds after which an outbox row that Prefect has not taken is worth a word."""
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class ProbeResults:
    """What was found; None where nobody answered."""

    now: datetime
    database_answers: bool
    metrics: HealthMetrics | None
    connections: tuple[int, int]
    is_engine_reachable: bool
    workers: Sequence[WorkerView] | None
    shortage: str | None
    free_bytes: int | None
    retention_days: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    key: str
    title: str
    is_healthy: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class WorkerItem:
    name: str
    pool: str
    slots: str
    free: str
    busy: float
    """Percent of its slots that are taken."""
    seen: Timestamp | None
    is_alive: bool
    word: str


@dataclass(frozen=True, slots=True)
class SystemState:
    sentence: str
    is_healthy: bool
    parts: Sequence[ComponentHealth]
    workers: Sequence[WorkerItem]
    versions: Sequence[tuple[str, str]]


def build_system_state(facts: ProbeResults) -> SystemState:
    parts = [_database(facts), _engine(facts), _workers(facts), _outbox(facts), _queue(facts), _disk(facts), _retention(facts)]
    wrong = [part for part in parts if not part.is_healthy]
    sentence = "Everything is well." if not wrong else f"{', '.join(part.title for part in wrong)}: not well. What to do stands beside it."
    workers = [_worker(each, facts.now) for each in facts.workers or ()]
    return SystemState(sentence, not wrong, parts, workers, versions(facts.metrics.store_version if facts.metrics else ""))


def _database(facts: ProbeResults) -> ComponentHealth:
    if not facts.database_answers:
        words = "It does not answer, or is not migrated. Nothing is lost: callers get 503 and ask again. Look at its log and the disk."
        return ComponentHealth("database", "Database", False, words)
    size, in_use = facts.connections
    return ComponentHealth("database", "Database", True, f"It answers; {in_use:,} of {size:,} connections of this process are in use.")


def _engine(facts: ProbeResults) -> ComponentHealth:
    if facts.is_engine_reachable:
        return ComponentHealth("prefect", "Prefect", True, "It answers.")
    words = "It does not answer. Headgate's own workers go on, and are recorded there once it is back; other pools wait for it."
    return ComponentHealth("prefect", "Prefect", False, words)


def _workers(facts: ProbeResults) -> ComponentHealth:
    alive = [worker for worker in facts.workers or () if _is_alive(worker, facts.now)]
    if facts.workers is None:
        return ComponentHealth("workers", "Workers", False, "Unknown while the database does not answer.")
    if not alive:
        return ComponentHealth(
            "workers", "Workers", False, "None has spoken lately: runs stay queued until one does. Start one with headgate worker."
        )
    slots, free = sum(worker.slots for worker in alive), sum(worker.free for worker in alive)
    words = f"{pluralize(len(alive), 'worker')} with {pluralize(slots, 'slot')}, {free:,} of them free."
    return ComponentHealth("workers", "Workers", True, f"{words} Every slot is taken: what comes now waits." if not free else words)


def _outbox(facts: ProbeResults) -> ComponentHealth:
    if facts.metrics is None:
        return ComponentHealth("outbox", "Outbox", False, "Unknown while the database does not answer.")
    depth, age = facts.metrics.outbox_depth, facts.metrics.outbox_age
    if not depth:
        return ComponentHealth("outbox", "Outbox", True, "Empty: Prefect has been told everything.")
    told = f"{pluralize(depth, 'message')} for Prefect, the oldest for {format_duration(age)}"
    if age <= OUTBOX_DELAY_LIMIT:
        return ComponentHealth("outbox", "Outbox", True, f"{told}.")
    return ComponentHealth(
        "outbox", "Outbox", False, f"{told}. They are sent again and again until Prefect takes them; see whether it answers."
    )


def _queue(facts: ProbeResults) -> ComponentHealth:
    if facts.metrics is None:
        return ComponentHealth("queue", "Queue", False, "Unknown while the database does not answer.")
    if facts.metrics.late:
        return ComponentHealth(
            "queue", "Queue", False, f"{pluralize(facts.metrics.late, 'run')} queued for over a minute: more workers or slots would help."
        )
    return ComponentHealth(
        "queue", "Queue", True, f"No run has been queued for long; {pluralize(facts.metrics.waiting, 'run')} waiting for somebody."
    )


def _disk(facts: ProbeResults) -> ComponentHealth:
    if facts.shortage:
        return ComponentHealth("disk", "Disk", False, f"{facts.shortage} Make room on it, or keep logs for fewer days.")
    if facts.free_bytes is None:
        return ComponentHealth("disk", "Disk", True, "It could not be measured.")
    return ComponentHealth("disk", "Disk", True, f"{facts.free_bytes / GIB:,.1f} GiB free where Headgate's home is.")


def _retention(facts: ProbeResults) -> ComponentHealth:
    events, logs = (f"for {days:g} days" if days else "for ever" for days in facts.retention_days)
    return ComponentHealth("retention", "Retention", True, f"Histories are kept {events}, logs {logs}.")


def _is_alive(worker: WorkerView, now: datetime) -> bool:
    return (now - worker.seen_at).total_seconds() <= WORKER_SEEN_WITHIN_SECONDS


def _worker(worker: WorkerView, now: datetime) -> WorkerItem:
    silent = max(0.0, (now - worker.seen_at).total_seconds())
    is_alive = _is_alive(worker, now)
    return WorkerItem(
        name=worker.name,
        pool=worker.pool,
        slots=f"{worker.slots:,}",
        free=f"{worker.free:,}" if is_alive else "0",
        busy=round(100 * (worker.slots - worker.free) / worker.slots, 1) if worker.slots and is_alive else 0.0,
        seen=format_timestamp(worker.seen_at),
        is_alive=is_alive,
        word="answers" if is_alive else f"silent for {format_duration(silent)}",
    )


def versions(store: str) -> list[tuple[str, str]]:
    return [*_own_versions(), ("PostgreSQL", store or "unknown")]


@cache
def _own_versions() -> list[tuple[str, str]]:
    names = (("Headgate", "headgate"), ("Prefect", "prefect"), ("FastAPI", "fastapi"), ("SQLModel", "sqlmodel"))
    return [*((shown, _version(name)) for shown, name in names), ("Python", platform.python_version())]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
