"""Why a queued run has not been taken, or a queued stage not started: what holds it, in numbers, and what helps."""

from collections.abc import Callable

from application.queries.sentences import Part, Surroundings, duration, names, seconds
from application.queries.views import RunView
from domain.burst import BurstState
from domain.queueing import Hold, Queueing, hold_of
from domain.status import Status

LONGEST_REFUSAL = 200
MORE_SLOTS = "another worker or a higher HEADGATE_WORKER_SLOTS lets more run at once"


def queued(run: RunView, around: Surroundings) -> list[Part]:
    """The whole sentence of a run of which nothing runs."""
    waited = duration(around.now, run.burst_requested_at or run.created_at)
    return [Part(f"Queued for {waited}: "), *what_holds(run, around)]


def what_holds(run: RunView, around: Surroundings) -> list[Part]:
    """From the reason on, with the full stop."""
    facts = facts_of(run, around)
    return _WORDS[hold_of(facts)](run, around, facts)


def facts_of(run: RunView, around: Surroundings) -> Queueing:
    workers, waiting = around.queue.workers, around.queue.waiting
    is_carried = run.burst_state == BurstState.CLAIMED
    return Queueing(
        is_carried=is_carried,
        holder_free=next((each.free for each in workers if each.id == run.burst_holder), None),
        running=sum(stage.status is Status.RUNNING and stage.newest.worker is not None for stage in run.stages),
        parallelism=run.parallelism,
        is_warm=around.is_warm,
        workers=len(workers),
        slots=sum(each.slots for each in workers),
        free=sum(each.free for each in workers),
        ahead=waiting.index(run.id) if run.id in waiting else len(waiting),
        is_refused=run.refusal is not None,
        is_untold=run.unrecorded,
        engine_answers=around.engine_answers,
    )


def _parallelism(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    limit = facts.parallelism
    runs = "one stage of the run is running" if limit == 1 else f"{limit:,} stages of the run are running"
    return [Part(f"{runs}, as many at once as its parallelism of {limit:,} allows.")]


def _holder_full(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    holder = next(each for each in around.queue.workers if each.id == run.burst_holder)
    has = "its one slot is" if holder.slots == 1 else f"all its {holder.slots:,} slots are"
    return [Part("worker "), Part(holder.name, True), Part(f" carries the run and {has} taken; it goes on when one is free.")]


def _starting(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    if (silence := around.silent.get(run.burst_holder or "")) is not None:
        name, since = silence
        return [Part("worker "), Part(name, True), Part(f" took it and has not been heard of for {seconds(since)}; "), *_if_it_lasts()]
    name = next((each.name for each in around.queue.workers if each.id == run.burst_holder), "")
    waiting = [stage for stage in run.stages if stage.status is Status.QUEUED]
    return [
        Part("worker " if name else "a worker"),
        Part(name, True),
        Part(" has taken it and is starting "),
        *names(waiting[:3]),
        Part("."),
    ]


def _if_it_lasts() -> list[Part]:
    return [Part("if that lasts, another takes it over.")]


def _no_worker(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    return [Part("no worker of pool "), Part(run.pool, True), Part(" answers; it starts when one does (`headgate worker` starts one).")]


def _slots_taken(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    taken = "the one worker slot" if facts.slots == 1 else f"all {facts.slots:,} worker slots"
    is_are = "is" if facts.slots == 1 else "are"
    before = f" and {_ahead(facts)} ahead of it" if facts.ahead else ""
    return [Part(f"{taken} of pool "), Part(run.pool, True), Part(f" {is_are} taken{before}; it starts when one is free: {MORE_SLOTS}.")]


def _in_turn(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    free = f"{facts.free:,} of {facts.slots:,} worker slots"
    return [Part(f"{_ahead(facts)} ahead of it in pool "), Part(run.pool, True), Part(f", where {free} {_is(facts.free)} free.")]


def _about_to_start(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    free = f"{facts.free:,} of {facts.slots:,} slots {_is(facts.free)} free"
    return [Part("a worker of pool "), Part(run.pool, True), Part(f" is about to take it; {free}.")]


def _refused(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    said = (run.refusal or "").rstrip(".")[:LONGEST_REFUSAL]
    return [Part("Prefect refuses it ("), Part(said), Part("); it is tried again within the hour (`headgate retry-prefect` does it now).")]


def _engine_away(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    return [Part("Prefect does not answer yet; it starts when a worker of pool "), Part(run.pool, True), Part(" takes it.")]


def _untold(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    return [Part("Prefect has not been told of it yet; it starts when a worker of pool "), Part(run.pool, True), Part(" takes it.")]


def _engines_worker(run: RunView, around: Surroundings, facts: Queueing) -> list[Part]:
    return [Part("Prefect has it, and a worker of pool "), Part(run.pool, True), Part(" has to take it.")]


def _ahead(facts: Queueing) -> str:
    if facts.ahead == 1:
        return "one run is"
    return f"{facts.ahead:,} runs are" if facts.ahead < 1_000 else "1,000 runs or more are"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


_WORDS: dict[Hold, Callable[[RunView, Surroundings, Queueing], list[Part]]] = {
    Hold.PARALLELISM: _parallelism,
    Hold.HOLDER_FULL: _holder_full,
    Hold.STARTING: _starting,
    Hold.NO_WORKER: _no_worker,
    Hold.SLOTS_TAKEN: _slots_taken,
    Hold.IN_TURN: _in_turn,
    Hold.ABOUT_TO_START: _about_to_start,
    Hold.REFUSED: _refused,
    Hold.ENGINE_AWAY: _engine_away,
    Hold.UNTOLD: _untold,
    Hold.ENGINES_WORKER: _engines_worker,
}
