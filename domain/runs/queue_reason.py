"""Why a queued stage has not started."""

from dataclasses import dataclass
from enum import Enum, auto


class QueueReason(Enum):
    """The first condition that keeps a queued stage from starting. `engine` is the orchestrator that runs pools of other types."""

    LIMIT = auto()
    """A concurrency limit is reached."""
    PARALLELISM = auto()
    """The run has as many running stages as its parallelism allows."""
    WORKER_FULL = auto()
    """The worker that claimed the run has no free slot."""
    STARTING = auto()
    """The worker that claimed the run is starting the stage."""
    NO_WORKER = auto()
    """The pool has no connected worker."""
    NO_FREE_SLOT = auto()
    """All slots of the pool are taken."""
    BEHIND_OTHER_RUNS = auto()
    """Other runs have waited longer."""
    ABOUT_TO_START = auto()
    """Nothing: a worker is about to claim the run."""
    ENGINE_REFUSED = auto()
    """The engine refuses the dispatch."""
    ENGINE_UNREACHABLE = auto()
    """The engine does not respond."""
    NOT_SUBMITTED = auto()
    """The dispatch has not been sent to the engine yet."""
    AWAITING_ENGINE_WORKER = auto()
    """No worker of the engine has taken the dispatch yet."""


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """The facts about a run with queued stages.

    `running` counts the run's stages that run on a worker, and those with a flow run. `worker_free_slots` are those of the worker that
    claimed the run, None if unknown. `workers`, `slots` and `free` count the connected workers of the pool. `runs_ahead` counts the runs
    that have waited longer. `is_warm` is False for pools that the engine runs. `is_limited` is True if the run waits for a slot of a
    concurrency limit.
    """

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
    is_limited: bool = False


def find_queue_reason(snapshot: QueueSnapshot) -> QueueReason:
    """Return the first condition that applies. A run that waits for a slot depends on its limits only, one with as many running stages as
    it may have on these, a claimed run on its worker, and a run of an engine's pool on the engine."""
    if snapshot.is_limited:
        return QueueReason.LIMIT
    if snapshot.running >= snapshot.parallelism:
        return QueueReason.PARALLELISM
    if snapshot.is_claimed:
        return QueueReason.WORKER_FULL if snapshot.worker_free_slots == 0 else QueueReason.STARTING
    return _find_reason_in_warm_pool(snapshot) if snapshot.is_warm else _find_reason_in_engine(snapshot)


def _find_reason_in_warm_pool(snapshot: QueueSnapshot) -> QueueReason:
    if not snapshot.workers:
        return QueueReason.NO_WORKER
    if not snapshot.free:
        return QueueReason.NO_FREE_SLOT
    return QueueReason.BEHIND_OTHER_RUNS if snapshot.runs_ahead else QueueReason.ABOUT_TO_START


def _find_reason_in_engine(snapshot: QueueSnapshot) -> QueueReason:
    if snapshot.is_refused:
        return QueueReason.ENGINE_REFUSED
    if snapshot.is_unsubmitted:
        return QueueReason.ENGINE_UNREACHABLE if snapshot.is_engine_reachable is False else QueueReason.NOT_SUBMITTED
    return QueueReason.AWAITING_ENGINE_WORKER
