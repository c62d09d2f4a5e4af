"""What keeps a run from going on that a worker has to carry: the first of these that holds it."""

from dataclasses import dataclass
from enum import Enum


class QueueReason(Enum):
    """Why a queued stage has not started, the one to be mended first."""

    PARALLELISM = "as many stages of the run as may run at once do"
    WORKER_FULL = "the worker that carries the run has no slot left"
    STARTING = "the worker that carries the run is starting it"
    NO_WORKER = "no worker of the pool answers"
    NO_FREE_SLOT = "every slot of the pool is taken"
    BEHIND_OTHER_RUNS = "others have waited longer"
    ABOUT_TO_START = "nothing: a worker is about to take it"
    ENGINE_REFUSED = "the engine refuses it"
    ENGINE_UNREACHABLE = "the engine does not answer"
    NOT_SUBMITTED = "the engine has not been told of it"
    AWAITING_ENGINE_WORKER = "a worker of the engine has to take it"


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """What is known of a run with queued stages. `running` are its stages that a worker runs now, `holder_free` the free slots of the
    worker that carries it (None: nobody, or not known), `slots` and `free` those of the pool's workers, `ahead` the runs that were there
    first."""

    is_claimed: bool = False
    worker_free_slots: int | None = None
    running: int = 0
    parallelism: int = 16
    is_warm: bool = True
    workers: int = 0
    slots: int = 0
    free: int = 0
    runs_ahead: int = 0
    is_refused: bool = False
    is_unsubmitted: bool = False
    is_engine_reachable: bool | None = None


def find_queue_reason(facts: QueueSnapshot) -> QueueReason:
    """A run that a worker carries depends on that worker alone; one of another pool type on the engine alone."""
    if facts.is_claimed:
        if facts.running >= facts.parallelism:
            return QueueReason.PARALLELISM
        return QueueReason.WORKER_FULL if facts.worker_free_slots == 0 else QueueReason.STARTING
    return _of_own_pool(facts) if facts.is_warm else _of_engine(facts)


def _of_own_pool(facts: QueueSnapshot) -> QueueReason:
    if not facts.workers:
        return QueueReason.NO_WORKER
    if not facts.free:
        return QueueReason.NO_FREE_SLOT
    return QueueReason.BEHIND_OTHER_RUNS if facts.runs_ahead else QueueReason.ABOUT_TO_START


def _of_engine(facts: QueueSnapshot) -> QueueReason:
    if facts.is_refused:
        return QueueReason.ENGINE_REFUSED
    if facts.is_unsubmitted:
        return QueueReason.ENGINE_UNREACHABLE if facts.is_engine_reachable is False else QueueReason.NOT_SUBMITTED
    return QueueReason.AWAITING_ENGINE_WORKER
