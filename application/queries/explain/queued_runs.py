"""Why a queued run has not been taken, or a queued stage not started: what holds it, in numbers, and what helps."""

from collections.abc import Callable

from application.queries.explain.durations import format_duration, format_elapsed
from application.queries.explain.run_context import RunContext
from application.queries.explain.status_text import TextPart, format_stage_names
from application.queries.views.runs import RunView
from domain.runs.dispatch import DispatchState
from domain.runs.queue_reason import QueueReason, QueueSnapshot, find_queue_reason
from domain.runs.status import Status

LONGEST_REFUSAL = 200
MORE_SLOTS = "another worker or a higher HEADGATE_WORKER_SLOTS lets more run at once"


def describe_queued_run(run: RunView, context: RunContext) -> list[TextPart]:
    """The whole sentence of a run of which nothing runs."""
    waited = format_elapsed(context.now, run.dispatch_requested_at or run.created_at)
    return [TextPart(f"Queued for {waited}: "), *describe_queue_reason(run, context)]


def describe_queue_reason(run: RunView, context: RunContext) -> list[TextPart]:
    """From the reason on, with the full stop."""
    facts = to_queue_facts(run, context)
    return _WORDS[find_queue_reason(facts)](run, context, facts)


def to_queue_facts(run: RunView, context: RunContext) -> QueueSnapshot:
    workers, waiting = context.queue.workers, context.queue.waiting
    is_claimed = run.dispatch_state == DispatchState.CLAIMED
    return QueueSnapshot(
        is_claimed=is_claimed,
        worker_free_slots=next((each.free for each in workers if each.id == run.dispatch_holder), None),
        running=sum(stage.status is Status.RUNNING and stage.newest.worker is not None for stage in run.stages),
        parallelism=run.parallelism,
        is_warm=context.is_warm,
        workers=len(workers),
        slots=sum(each.slots for each in workers),
        free=sum(each.free for each in workers),
        runs_ahead=waiting.index(run.id) if run.id in waiting else len(waiting),
        is_refused=run.refusal is not None,
        is_unsubmitted=run.unrecorded,
        is_engine_reachable=context.is_engine_reachable,
    )


def _parallelism(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    limit = facts.parallelism
    runs = "one stage of the run is running" if limit == 1 else f"{limit:,} stages of the run are running"
    return [TextPart(f"{runs}, as many at once as its parallelism of {limit:,} allows.")]


def _holder_full(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    holder = next(each for each in context.queue.workers if each.id == run.dispatch_holder)
    has = "its one slot is" if holder.slots == 1 else f"all its {holder.slots:,} slots are"
    return [TextPart("worker "), TextPart(holder.name, True), TextPart(f" carries the run and {has} taken; it goes on when one is free.")]


def _starting(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    if (silence := context.silent_workers.get(run.dispatch_holder or "")) is not None:
        name, since = silence
        return [
            TextPart("worker "),
            TextPart(name, True),
            TextPart(f" took it and has not been heard of for {format_duration(since)}; "),
            *_if_it_lasts(),
        ]
    name = next((each.name for each in context.queue.workers if each.id == run.dispatch_holder), "")
    waiting = [stage for stage in run.stages if stage.status is Status.QUEUED]
    return [
        TextPart("worker " if name else "a worker"),
        TextPart(name, True),
        TextPart(" has taken it and is starting "),
        *format_stage_names(waiting[:3]),
        TextPart("."),
    ]


def _if_it_lasts() -> list[TextPart]:
    return [TextPart("if that lasts, another takes it over.")]


def _no_worker(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    return [
        TextPart("no worker of pool "),
        TextPart(run.pool, True),
        TextPart(" answers; it starts when one does (`headgate worker` starts one)."),
    ]


def _slots_taken(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    taken = "the one worker slot" if facts.slots == 1 else f"all {facts.slots:,} worker slots"
    is_are = "is" if facts.slots == 1 else "are"
    before = f" and {_ahead(facts)} ahead of it" if facts.runs_ahead else ""
    return [
        TextPart(f"{taken} of pool "),
        TextPart(run.pool, True),
        TextPart(f" {is_are} taken{before}; it starts when one is free: {MORE_SLOTS}."),
    ]


def _in_turn(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    free = f"{facts.free:,} of {facts.slots:,} worker slots"
    return [
        TextPart(f"{_ahead(facts)} ahead of it in pool "),
        TextPart(run.pool, True),
        TextPart(f", where {free} {_is(facts.free)} free."),
    ]


def _about_to_start(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    free = f"{facts.free:,} of {facts.slots:,} slots {_is(facts.free)} free"
    return [TextPart("a worker of pool "), TextPart(run.pool, True), TextPart(f" is about to take it; {free}.")]


def _refused(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    said = (run.refusal or "").rstrip(".")[:LONGEST_REFUSAL]
    return [
        TextPart("Prefect refuses it ("),
        TextPart(said),
        TextPart("); it is tried again within the hour (`headgate retry-prefect` does it now)."),
    ]


def _engine_away(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    return [TextPart("Prefect does not answer yet; it starts when a worker of pool "), TextPart(run.pool, True), TextPart(" takes it.")]


def _untold(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    return [
        TextPart("Prefect has not been told of it yet; it starts when a worker of pool "),
        TextPart(run.pool, True),
        TextPart(" takes it."),
    ]


def _engines_worker(run: RunView, context: RunContext, facts: QueueSnapshot) -> list[TextPart]:
    return [TextPart("Prefect has it, and a worker of pool "), TextPart(run.pool, True), TextPart(" has to take it.")]


def _ahead(facts: QueueSnapshot) -> str:
    if facts.runs_ahead == 1:
        return "one run is"
    return f"{facts.runs_ahead:,} runs are" if facts.runs_ahead < 1_000 else "1,000 runs or more are"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


_WORDS: dict[QueueReason, Callable[[RunView, RunContext, QueueSnapshot], list[TextPart]]] = {
    QueueReason.PARALLELISM: _parallelism,
    QueueReason.WORKER_FULL: _holder_full,
    QueueReason.STARTING: _starting,
    QueueReason.NO_WORKER: _no_worker,
    QueueReason.NO_FREE_SLOT: _slots_taken,
    QueueReason.BEHIND_OTHER_RUNS: _in_turn,
    QueueReason.ABOUT_TO_START: _about_to_start,
    QueueReason.ENGINE_REFUSED: _refused,
    QueueReason.ENGINE_UNREACHABLE: _engine_away,
    QueueReason.NOT_SUBMITTED: _untold,
    QueueReason.AWAITING_ENGINE_WORKER: _engines_worker,
}
