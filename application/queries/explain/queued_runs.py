"""Explains why a queued run or stage has not started, and what would help."""

from collections.abc import Callable

from application.queries.explain.durations import format_duration, format_elapsed
from application.queries.explain.flow_runs import count_active_stages, describe_parallelism, describe_queued_flow_runs
from application.queries.explain.run_context import RunContext
from application.queries.explain.slot_waits import describe_slot_waits
from application.queries.explain.status_text import TextPart, bold, compose, format_stage_names
from application.queries.views.runs import RunView
from domain.runs.dispatch import DispatchState
from domain.runs.queue_reason import QueueReason, QueueSnapshot, find_queue_reason

MAX_REJECTION_LENGTH = 200
MORE_SLOTS = "Add a worker or raise HEADGATE_WORKER_SLOTS to run more at once."


def describe_queued_run(run: RunView, context: RunContext) -> list[TextPart]:
    """Return the whole explanation of a run that has queued stages and runs none."""
    if run.waits_for_slot:
        return describe_slot_waits(run, context.full_buckets)
    flow_runs = run.queued_flow_run_stages
    if not run.dispatched_stages and flow_runs:
        is_alone = not run.limited_stages
        return compose(describe_queued_flow_runs(run, context, is_alone=is_alone), _describe_limited_stages(run, context))
    waited = format_elapsed(context.now, run.dispatch_requested_at or run.created_at)
    in_prefect = compose(" ", describe_queued_flow_runs(run, context, is_alone=False)) if flow_runs else []
    return compose(f"Queued for {waited}: ", describe_queue_reason(run, context), in_prefect, _describe_limited_stages(run, context))


def _describe_limited_stages(run: RunView, context: RunContext) -> list[TextPart]:
    return compose(" ", describe_slot_waits(run, context.full_buckets)) if run.limited_stages else []


def describe_queue_reason(run: RunView, context: RunContext) -> list[TextPart]:
    """Return why the queued stages do not start, as the end of a sentence."""
    snapshot = to_queue_snapshot(run, context)
    return _DESCRIPTIONS[find_queue_reason(snapshot)](run, context, snapshot)


def to_queue_snapshot(run: RunView, context: RunContext) -> QueueSnapshot:
    workers, waiting = context.queue.workers, context.queue.waiting
    return QueueSnapshot(
        is_claimed=run.dispatch_state == DispatchState.CLAIMED,
        worker_free_slots=next((worker.free for worker in workers if worker.id == run.dispatch_holder), None),
        running=count_active_stages(run),
        parallelism=run.parallelism,
        is_warm=context.is_warm,
        workers=len(workers),
        slots=sum(worker.slots for worker in workers),
        free=sum(worker.free for worker in workers),
        runs_ahead=waiting.index(run.id) if run.id in waiting else len(waiting),
        is_refused=run.refusal is not None,
        is_unsubmitted=run.unrecorded,
        is_engine_reachable=context.is_engine_reachable,
        is_limited=run.waits_for_slot,
    )


def _limit(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    return describe_slot_waits(run, context.full_buckets)


def _parallelism(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    return compose(f"{describe_parallelism(run)}.")


def _worker_full(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    worker = next(worker for worker in context.queue.workers if worker.id == run.dispatch_holder)
    slots = "its only slot is" if worker.slots == 1 else f"all its {worker.slots:,} slots are"
    return compose("worker ", bold(worker.name), f" has the run, but {slots} in use.")


def _starting(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    if (silent := context.silent_workers.get(run.dispatch_holder or "")) is not None:
        name, age = silent
        consequence = f" took the run but has not responded for {format_duration(age)}. If it does not return, another worker takes over."
        return compose("worker ", bold(name), consequence)
    name = next((worker.name for worker in context.queue.workers if worker.id == run.dispatch_holder), "")
    stages = format_stage_names(run.dispatched_stages)
    return compose("worker " if name else "a worker", bold(name), " took the run and is starting ", stages, ".")


def _no_worker(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    return compose("no worker is online in pool ", bold(run.pool), ". Start one with `headgate worker`.")


def _no_free_slot(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    slots = "the only worker slot" if queue.slots == 1 else f"all {queue.slots:,} worker slots"
    verb = "is" if queue.slots == 1 else "are"
    ahead = f" and {_runs_ahead(queue)} ahead of it" if queue.runs_ahead else ""
    return compose(f"{slots} of pool ", bold(run.pool), f" {verb} in use{ahead}. {MORE_SLOTS}")


def _behind_other_runs(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    return compose(f"{_runs_ahead(queue)} ahead of it in pool ", bold(run.pool), f"; {_free_slots(queue)}.")


def _about_to_start(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    return compose("a worker of pool ", bold(run.pool), f" is about to take it; {_free_slots(queue)}.")


def _engine_rejected(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    message = (run.refusal or "").rstrip(".")[:MAX_REJECTION_LENGTH]
    return compose(f"Prefect rejected it ({message}). Headgate retries within the hour; `headgate retry-prefect` retries now.")


def _engine_unreachable(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    return compose("Prefect does not respond yet. The run starts when a worker of pool ", bold(run.pool), " takes it.")


def _not_submitted(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    return compose("the run has not been sent to Prefect yet. It starts when a worker of pool ", bold(run.pool), " takes it.")


def _awaiting_engine_worker(run: RunView, context: RunContext, queue: QueueSnapshot) -> list[TextPart]:
    return compose("Prefect has the run and waits for a worker of pool ", bold(run.pool), ".")


def _free_slots(queue: QueueSnapshot) -> str:
    return f"{queue.free:,} of {queue.slots:,} worker slots {'is' if queue.free == 1 else 'are'} free"


def _runs_ahead(queue: QueueSnapshot) -> str:
    if queue.runs_ahead == 1:
        return "1 run is"
    return f"{queue.runs_ahead:,} runs are" if queue.runs_ahead < 1_000 else "1,000 or more runs are"


_DESCRIPTIONS: dict[QueueReason, Callable[[RunView, RunContext, QueueSnapshot], list[TextPart]]] = {
    QueueReason.LIMIT: _limit,
    QueueReason.PARALLELISM: _parallelism,
    QueueReason.WORKER_FULL: _worker_full,
    QueueReason.STARTING: _starting,
    QueueReason.NO_WORKER: _no_worker,
    QueueReason.NO_FREE_SLOT: _no_free_slot,
    QueueReason.BEHIND_OTHER_RUNS: _behind_other_runs,
    QueueReason.ABOUT_TO_START: _about_to_start,
    QueueReason.ENGINE_REFUSED: _engine_rejected,
    QueueReason.ENGINE_UNREACHABLE: _engine_unreachable,
    QueueReason.NOT_SUBMITTED: _not_submitted,
    QueueReason.AWAITING_ENGINE_WORKER: _awaiting_engine_worker,
}
