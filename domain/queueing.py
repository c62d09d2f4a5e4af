"""What keeps a run from going on that a worker has to carry: the first of these that holds it."""

from dataclasses import dataclass
from enum import Enum


class Hold(Enum):
    """Why a queued stage has not started, the one to be mended first."""

    PARALLELISM = "as many stages of the run as may run at once do"
    HOLDER_FULL = "the worker that carries the run has no slot left"
    STARTING = "the worker that carries the run is starting it"
    NO_WORKER = "no worker of the pool answers"
    SLOTS_TAKEN = "every slot of the pool is taken"
    IN_TURN = "others have waited longer"
    ABOUT_TO_START = "nothing: a worker is about to take it"
    REFUSED = "the engine refuses it"
    ENGINE_AWAY = "the engine does not answer"
    UNTOLD = "the engine has not been told of it"
    ENGINES_WORKER = "a worker of the engine has to take it"


@dataclass(frozen=True, slots=True)
class Queueing:
    """What is known of a run with queued stages. `running` are its stages that a worker runs now, `holder_free` the free slots of the
    worker that carries it (None: nobody, or not known), `slots` and `free` those of the pool's workers, `ahead` the runs that were there
    first."""

    is_carried: bool = False
    holder_free: int | None = None
    running: int = 0
    parallelism: int = 16
    is_warm: bool = True
    workers: int = 0
    slots: int = 0
    free: int = 0
    ahead: int = 0
    is_refused: bool = False
    is_untold: bool = False
    engine_answers: bool | None = None


def hold_of(facts: Queueing) -> Hold:
    """A run that a worker carries depends on that worker alone; one of another pool type on the engine alone."""
    if facts.is_carried:
        if facts.running >= facts.parallelism:
            return Hold.PARALLELISM
        return Hold.HOLDER_FULL if facts.holder_free == 0 else Hold.STARTING
    return _of_own_pool(facts) if facts.is_warm else _of_engine(facts)


def _of_own_pool(facts: Queueing) -> Hold:
    if not facts.workers:
        return Hold.NO_WORKER
    if not facts.free:
        return Hold.SLOTS_TAKEN
    return Hold.IN_TURN if facts.ahead else Hold.ABOUT_TO_START


def _of_engine(facts: Queueing) -> Hold:
    if facts.is_refused:
        return Hold.REFUSED
    if facts.is_untold:
        return Hold.ENGINE_AWAY if facts.engine_answers is False else Hold.UNTOLD
    return Hold.ENGINES_WORKER
