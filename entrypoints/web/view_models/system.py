"""The system page: a sentence for each component, with advice if it is not healthy."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from application.ports.queries.health_metrics import HealthMetrics
from application.queries.explain.durations import format_duration
from application.queries.explain.run_context_loader import WORKER_SEEN_WITHIN_SECONDS
from application.queries.views.workers import WorkerView
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp, pluralize

OUTBOX_DELAY_LIMIT = 60.0
"""Seconds after which an outbox message that Prefect has not accepted makes the outbox unhealthy."""
EXPIRY_WARNING = timedelta(days=7)
"""The time before a worker token expires in which the workers need attention."""
GIB = 1 << 30
_UNKNOWN = "Unknown: the database does not respond."


@dataclass(frozen=True, slots=True)
class ProbeResults:
    """The results of all checks. `metrics` and `workers` are None if the database did not respond."""

    now: datetime
    is_database_ready: bool
    metrics: HealthMetrics | None
    connections: tuple[int, int]
    is_prefect_reachable: bool
    workers: Sequence[WorkerView] | None
    shortage: str | None
    free_bytes: int | None
    retention_days: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """A component's state."""

    key: str
    title: str
    is_healthy: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class WorkerItem:
    """A worker. `used_percent` is the share of its slots in use.

    `state` is for the live page, and has no time, so that the page does not change each second. `state_with_time` is for text.
    """

    name: str
    pool: str
    slots: str
    free: str
    used_percent: float
    seen: Timestamp | None
    token: str
    is_online: bool
    state: str
    state_with_time: str


@dataclass(frozen=True, slots=True)
class SystemState:
    """The state of all components and workers, and the versions of the software."""

    sentence: str
    is_healthy: bool
    components: Sequence[ComponentHealth]
    workers: Sequence[WorkerItem]
    versions: Sequence[tuple[str, str]]


def build_system_state(results: ProbeResults) -> SystemState:
    """Return the state that the checks found."""
    checks = (_check_database, _check_prefect, _check_workers, _check_outbox, _check_queue, _check_disk, _check_retention)
    components = [check(results) for check in checks]
    unhealthy = [component.title for component in components if not component.is_healthy]
    sentence = f"Needs attention: {', '.join(unhealthy)}." if unhealthy else "All systems OK."
    workers = [_build_worker(worker, results.now) for worker in results.workers or ()]
    database_version = results.metrics.store_version if results.metrics else ""
    return SystemState(sentence, not unhealthy, components, workers, get_versions(database_version))


def _check_database(results: ProbeResults) -> ComponentHealth:
    if not results.is_database_ready:
        sentence = "Does not respond or is not migrated. Nothing is lost: clients get 503 and retry. Check its log and the disk."
        return ComponentHealth("database", "Database", False, sentence)
    size, in_use = results.connections
    return ComponentHealth("database", "Database", True, f"Responds. {in_use:,} of {size:,} connections of this process are in use.")


def _check_prefect(results: ProbeResults) -> ComponentHealth:
    if results.is_prefect_reachable:
        return ComponentHealth("prefect", "Prefect", True, "Responds.")
    sentence = "Does not respond. Headgate’s workers continue, and Prefect records their runs later. Other pools wait."
    return ComponentHealth("prefect", "Prefect", False, sentence)


def _check_workers(results: ProbeResults) -> ComponentHealth:
    online = [worker for worker in results.workers or () if _is_online(worker, results.now)]
    if results.workers is None:
        return ComponentHealth("workers", "Workers", False, _UNKNOWN)
    if not online:
        sentence = "No worker is online: runs stay queued. Start one with headgate worker."
        return ComponentHealth("workers", "Workers", False, sentence)
    slots, free = sum(worker.slots for worker in online), sum(worker.free for worker in online)
    sentence = f"{pluralize(len(online), 'worker')} with {pluralize(slots, 'slot')}, {free:,} free."
    sentence = sentence if free else f"{sentence} New stages wait for a free slot."
    warning = _warn_about_expiry(online, results.now)
    return ComponentHealth("workers", "Workers", not warning, f"{sentence} {warning}".rstrip())


def _warn_about_expiry(workers: Sequence[WorkerView], now: datetime) -> str:
    """Return a sentence about the worker token that expires first, if it does so soon."""
    ends = [(worker.token.expires_at, worker.token.name) for worker in workers if worker.token and worker.token.expires_at]
    if not ends or (first := min(ends))[0] - now > EXPIRY_WARNING:
        return ""
    return f"Token {first[1]} expires on {first[0]:%-d %b %Y}, and its workers stop then: start them with a new one."


def _check_outbox(results: ProbeResults) -> ComponentHealth:
    if results.metrics is None:
        return ComponentHealth("outbox", "Outbox", False, _UNKNOWN)
    depth, age = results.metrics.outbox_depth, results.metrics.outbox_age
    if not depth:
        return ComponentHealth("outbox", "Outbox", True, "Empty: Prefect has received everything.")
    sentence = f"{pluralize(depth, 'message')} for Prefect, the oldest for {format_duration(age)}"
    if age <= OUTBOX_DELAY_LIMIT:
        return ComponentHealth("outbox", "Outbox", True, f"{sentence}.")
    return ComponentHealth("outbox", "Outbox", False, f"{sentence}. Headgate retries until Prefect accepts them; check Prefect.")


def _check_queue(results: ProbeResults) -> ComponentHealth:
    if results.metrics is None:
        return ComponentHealth("queue", "Queue", False, _UNKNOWN)
    if results.metrics.late:
        sentence = f"{pluralize(results.metrics.late, 'run')} queued for over a minute: add workers or slots."
        return ComponentHealth("queue", "Queue", False, sentence)
    sentence = f"No run has been queued for long. {pluralize(results.metrics.waiting, 'run')} waiting for input."
    return ComponentHealth("queue", "Queue", True, sentence)


def _check_disk(results: ProbeResults) -> ComponentHealth:
    if results.shortage:
        return ComponentHealth("disk", "Disk", False, f"{results.shortage} Free disk space, or keep logs for fewer days.")
    if results.free_bytes is None:
        return ComponentHealth("disk", "Disk", True, "Could not be measured.")
    return ComponentHealth("disk", "Disk", True, f"{results.free_bytes / GIB:,.1f} GiB free in Headgate’s home directory.")


def _check_retention(results: ProbeResults) -> ComponentHealth:
    events, logs = (f"for {days:g} days" if days else "forever" for days in results.retention_days)
    return ComponentHealth("retention", "Retention", True, f"Events are kept {events}, logs {logs}.")


def _is_online(worker: WorkerView, now: datetime) -> bool:
    return _is_seen_within(worker, now) and worker.has_valid_token(now)


def _is_seen_within(worker: WorkerView, at: datetime) -> bool:
    """Return whether a worker that is online at that time would have been seen so late."""
    return (at - worker.seen_at).total_seconds() <= WORKER_SEEN_WITHIN_SECONDS


def _build_worker(worker: WorkerView, now: datetime) -> WorkerItem:
    silent_seconds = max(0.0, (now - worker.seen_at).total_seconds())
    is_online, state = _is_online(worker, now), _describe_state(worker, now)
    return WorkerItem(
        name=worker.name,
        pool=worker.pool,
        slots=f"{worker.slots:,}",
        free=f"{worker.free:,}" if is_online else "0",
        used_percent=round(100 * (worker.slots - worker.free) / worker.slots, 1) if worker.slots and is_online else 0.0,
        seen=format_timestamp(worker.seen_at),
        token=worker.token.name if worker.token else "derived from HEADGATE_SECRET",
        is_online=is_online,
        state=state[:1].upper() + state[1:],
        state_with_time=f"offline for {format_duration(silent_seconds)}" if state == "offline" else state,
    )


def _describe_state(worker: WorkerView, now: datetime) -> str:
    """Return "online" or "offline", with the reason if the worker's token ended while it was online."""
    end = worker.token.get_end(now) if worker.token else None
    if worker.token is None or end is None or not _is_seen_within(worker, end):
        return "online" if _is_online(worker, now) else "offline"
    reason = "its token was revoked" if end == worker.token.revoked_at else "its token has expired"
    return f"stopping: {reason}" if _is_seen_within(worker, now) else f"offline: {reason}"


def get_versions(database: str) -> list[tuple[str, str]]:
    """Return (name, version) of Headgate, its main libraries, Python and the database."""
    return [*_get_installed_versions(), ("PostgreSQL", database or "unknown")]


@cache
def _get_installed_versions() -> list[tuple[str, str]]:
    packages = (("Headgate", "headgate"), ("Prefect", "prefect"), ("FastAPI", "fastapi"), ("SQLModel", "sqlmodel"))
    return [*((title, _get_version(package)) for title, package in packages), ("Python", platform.python_version())]


def _get_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
