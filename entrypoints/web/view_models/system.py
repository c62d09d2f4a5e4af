"""How Headgate itself is doing: a sentence a part, and what to do where it is not well."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from application.ports.vitals import VitalSigns
from application.queries.sentences import seconds
from application.queries.surroundings import SPOKE_WITHIN
from application.queries.views import WorkerView
from entrypoints.web.view_models.words import Moment, counted, moment

OUTBOX_PATIENCE = 60.0
"""Seconds after which an outbox row that Prefect has not taken is worth a word."""
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found; None where nobody answered."""

    now: datetime
    database_answers: bool
    signs: VitalSigns | None
    connections: tuple[int, int]
    engine_answers: bool
    workers: Sequence[WorkerView] | None
    shortage: str | None
    free_bytes: int | None
    keeps: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Part:
    key: str
    title: str
    is_well: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Worker:
    name: str
    pool: str
    slots: str
    free: str
    busy: float
    """Percent of its slots that are taken."""
    seen: Moment | None
    is_alive: bool
    word: str


@dataclass(frozen=True, slots=True)
class SystemState:
    sentence: str
    is_well: bool
    parts: Sequence[Part]
    workers: Sequence[Worker]
    versions: Sequence[tuple[str, str]]


def state_of(facts: Facts) -> SystemState:
    parts = [_database(facts), _engine(facts), _workers(facts), _outbox(facts), _queue(facts), _disk(facts), _retention(facts)]
    wrong = [part for part in parts if not part.is_well]
    sentence = "Everything is well." if not wrong else f"{', '.join(part.title for part in wrong)}: not well. What to do stands beside it."
    workers = [_worker(each, facts.now) for each in facts.workers or ()]
    return SystemState(sentence, not wrong, parts, workers, versions(facts.signs.store_version if facts.signs else ""))


def _database(facts: Facts) -> Part:
    if not facts.database_answers:
        words = "It does not answer, or is not migrated. Nothing is lost: callers get 503 and ask again. Look at its log and the disk."
        return Part("database", "Database", False, words)
    size, in_use = facts.connections
    return Part("database", "Database", True, f"It answers; {in_use:,} of {size:,} connections of this process are in use.")


def _engine(facts: Facts) -> Part:
    if facts.engine_answers:
        return Part("prefect", "Prefect", True, "It answers.")
    words = "It does not answer. Headgate's own workers go on, and are recorded there once it is back; other pools wait for it."
    return Part("prefect", "Prefect", False, words)


def _workers(facts: Facts) -> Part:
    alive = [worker for worker in facts.workers or () if _is_alive(worker, facts.now)]
    if facts.workers is None:
        return Part("workers", "Workers", False, "Unknown while the database does not answer.")
    if not alive:
        return Part("workers", "Workers", False, "None has spoken lately: runs stay queued until one does. Start one with headgate worker.")
    slots, free = sum(worker.slots for worker in alive), sum(worker.free for worker in alive)
    words = f"{counted(len(alive), 'worker')} with {counted(slots, 'slot')}, {free:,} of them free."
    return Part("workers", "Workers", True, f"{words} Every slot is taken: what comes now waits." if not free else words)


def _outbox(facts: Facts) -> Part:
    if facts.signs is None:
        return Part("outbox", "Outbox", False, "Unknown while the database does not answer.")
    depth, age = facts.signs.outbox_depth, facts.signs.outbox_age
    if not depth:
        return Part("outbox", "Outbox", True, "Empty: Prefect has been told everything.")
    told = f"{counted(depth, 'message')} for Prefect, the oldest for {seconds(age)}"
    if age <= OUTBOX_PATIENCE:
        return Part("outbox", "Outbox", True, f"{told}.")
    return Part("outbox", "Outbox", False, f"{told}. They are sent again and again until Prefect takes them; see whether it answers.")


def _queue(facts: Facts) -> Part:
    if facts.signs is None:
        return Part("queue", "Queue", False, "Unknown while the database does not answer.")
    if facts.signs.late:
        return Part(
            "queue", "Queue", False, f"{counted(facts.signs.late, 'run')} queued for over a minute: more workers or slots would help."
        )
    return Part("queue", "Queue", True, f"No run has been queued for long; {counted(facts.signs.waiting, 'run')} waiting for somebody.")


def _disk(facts: Facts) -> Part:
    if facts.shortage:
        return Part("disk", "Disk", False, f"{facts.shortage} Make room on it, or keep logs for fewer days.")
    if facts.free_bytes is None:
        return Part("disk", "Disk", True, "It could not be measured.")
    return Part("disk", "Disk", True, f"{facts.free_bytes / GIB:,.1f} GiB free where Headgate's home is.")


def _retention(facts: Facts) -> Part:
    events, logs = (f"for {days:g} days" if days else "for ever" for days in facts.keeps)
    return Part("retention", "Retention", True, f"Histories are kept {events}, logs {logs}.")


def _is_alive(worker: WorkerView, now: datetime) -> bool:
    return (now - worker.seen_at).total_seconds() <= SPOKE_WITHIN


def _worker(worker: WorkerView, now: datetime) -> Worker:
    silent = max(0.0, (now - worker.seen_at).total_seconds())
    is_alive = _is_alive(worker, now)
    return Worker(
        name=worker.name,
        pool=worker.pool,
        slots=f"{worker.slots:,}",
        free=f"{worker.free:,}" if is_alive else "0",
        busy=round(100 * (worker.slots - worker.free) / worker.slots, 1) if worker.slots and is_alive else 0.0,
        seen=moment(worker.seen_at),
        is_alive=is_alive,
        word="answers" if is_alive else f"silent for {seconds(silent)}",
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
