"""Explains the status of a run that has not finished."""

from collections.abc import Sequence

from application.queries.explain.attempts import describe_attempt
from application.queries.explain.durations import format_duration, format_elapsed
from application.queries.explain.flow_runs import (
    describe_cancellation,
    describe_engine_silence,
    describe_interruption,
    describe_pauses,
    describe_queued_flow_runs,
    is_cancelling,
    is_paused,
)
from application.queries.explain.queued_runs import describe_queue_reason, describe_queued_run
from application.queries.explain.run_context import RunContext
from application.queries.explain.slot_waits import describe_slot_waits
from application.queries.explain.status_text import TextPart, bold, compose, describe_failure, format_stage_names, format_time
from application.queries.views.runs import RunView, StageRunView
from domain.name_lists import format_names
from domain.runs.status import Reason, Status


def describe_active_run(run: RunView, context: RunContext) -> list[TextPart]:
    """Return what the run is doing: running stages first, then retries, queued stages, and what it waits for."""
    running, waiting = _with_status(run, Status.RUNNING), _with_status(run, Status.WAITING)
    retrying = [stage for stage in waiting if stage.newest.reason is Reason.RETRY]
    if run.stop_requested_at is not None:
        return _describe_stopping(run, running, context)
    if cancelling := [stage for stage in run.stages if is_cancelling(stage)]:
        return describe_cancellation(cancelling, context)
    if running:
        return compose(_describe_running(run, running, context), _describe_held_stages(run, waiting, context))
    if retrying:
        return _describe_retrying(retrying[0], context)
    if _with_status(run, Status.QUEUED) or run.waits_for_slot:
        return describe_queued_run(run, context)
    if paused := [stage for stage in waiting if is_paused(stage)]:
        return describe_pauses(paused, context)
    if approvals := _approvals(waiting):
        return _describe_approval(approvals, context)
    awaited = next((stage for stage in waiting if stage.newest.deadline_at is not None), waiting[0] if waiting else None)
    return _describe_report(awaited, context) if awaited else compose("No stage has started yet.")


def _with_status(run: RunView, status: Status) -> list[StageRunView]:
    return [stage for stage in run.stages if stage.status is status]


def _approvals(waiting: Sequence[StageRunView]) -> list[StageRunView]:
    return [stage for stage in waiting if stage.newest.reason is Reason.APPROVAL]


def _describe_stopping(run: RunView, running: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    requested = run.stop_requested_at
    is_recent = requested is None or (context.now - requested).total_seconds() < 1
    elapsed = "" if is_recent or requested is None else f" for {format_elapsed(context.now, requested)}"
    in_prefect = [stage for stage in run.stages if is_cancelling(stage)]
    on_workers = [stage for stage in running if not stage.has_flow_run]
    if not on_workers:
        return compose(f"Stopping{elapsed}: ", describe_cancellation(in_prefect, context)) if in_prefect else compose(f"Stopping{elapsed}.")
    ending = compose(f"Stopping{elapsed}: the worker is ending ", format_stage_names(on_workers))
    cancelling = compose(" ", describe_cancellation(in_prefect, context)) if in_prefect else []
    return compose(ending, _describe_silence(on_workers, context) or compose("."), cancelling)


def _describe_report(stage: StageRunView, context: RunContext) -> list[TextPart]:
    since = compose(" since ", format_time(stage.waiting_since, context.now)) if stage.waiting_since else []
    return compose("Waiting for a report about ", bold(stage.name), since, _describe_deadline(stage, context))


def _describe_approval(stages: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    since = stages[0].waiting_since or stages[0].newest.created_at
    approvers = f" by {format_names(stages[0].approvers, last='or')}" if stages[0].approvers else ""
    start = compose("Waiting for approval of ", format_stage_names(stages), f"{approvers} since ", format_time(since, context.now))
    return compose(start, _describe_deadline(stages[0], context))


def _describe_deadline(stage: StageRunView, context: RunContext) -> str:
    deadline = stage.newest.deadline_at
    return f"; times out in {format_elapsed(deadline, context.now)}." if deadline else "."


def _describe_running(run: RunView, running: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    stage = running[0]
    if (cancelled := next((each for each in running if each.newest.stop_requested_at is not None), None)) is not None:
        ending = compose(bold(cancelled.name), " was cancelled and its worker is ending it")
        return compose(ending, _describe_silence([cancelled], context) or compose("."))
    elapsed = format_elapsed(context.now, stage.newest.started_at or run.created_at)
    if len(running) == 1:
        parts = compose(bold(stage.name), f" has been running for {elapsed}")
    else:
        parts = compose(format_stage_names(running), " are running, ", bold(stage.name), f" for {elapsed}")
    if (silence := _describe_silence(running, context)) is not None:
        return compose(parts, silence)
    next_stages = [other for other in run.stages if other.status is Status.PENDING and stage.name in other.needs]
    verb = "comes" if len(next_stages) == 1 else "come"
    following = compose(" ", format_stage_names(next_stages), f" {verb} next.") if next_stages else []
    in_prefect = [each for each in running if each.has_flow_run]
    interruption = describe_interruption(stage) or _compare_with_usual(run, running, context)
    return compose(parts, interruption, ".", describe_engine_silence(context) if in_prefect else [], following)


def _compare_with_usual(run: RunView, running: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    """Return the first stage that is slower than usual; without one, the usual duration if only one stage runs."""
    is_alone = len(running) == 1
    for stage in running:
        elapsed = (context.now - (stage.newest.started_at or run.created_at)).total_seconds()
        threshold = context.slow_thresholds.get(stage.name)
        if threshold is not None and elapsed > threshold:
            subject = compose(", ") if is_alone else compose("; ", bold(stage.name), " is ")
            return compose(subject, f"slower than usual: 95 % of its runs finish within {format_duration(threshold)}")
    typical = context.typical_durations.get(running[0].name) if is_alone else None
    return compose(f"; it usually takes {format_duration(typical)}") if typical is not None else []


def _describe_held_stages(run: RunView, waiting: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    """Return which stages do not proceed while others run."""
    limited = compose(" ", describe_slot_waits(run, context.full_buckets)) if run.waits_for_slot or run.limited_stages else []
    flow_runs = describe_queued_flow_runs(run, context, is_alone=False) if run.queued_flow_run_stages else []
    in_prefect = compose(" ", flow_runs) if flow_runs else []
    if queued := run.dispatched_stages:
        verb = "is" if len(queued) == 1 else "are"
        return compose(" ", format_stage_names(queued), f" {verb} queued: ", describe_queue_reason(run, context), in_prefect, limited)
    if in_prefect or limited:
        return compose(in_prefect, limited)
    if paused := [stage for stage in waiting if is_paused(stage)]:
        return compose(" ", describe_pauses(paused, context))
    if approvals := _approvals(waiting):
        verb = "waits" if len(approvals) == 1 else "wait"
        return compose(" ", format_stage_names(approvals), f" {verb} for approval.")
    return []


def _describe_silence(running: Sequence[StageRunView], context: RunContext) -> list[TextPart] | None:
    """Return that a worker of these stages is silent; None if all of them are online."""
    worker_ids = [stage.newest.worker or "" for stage in running]
    silent = next((context.silent_workers[id] for id in worker_ids if id in context.silent_workers), None)
    if silent is None:
        return None
    name, age = silent
    consequence = f" has not responded for {format_duration(age)}. If it does not return, its stages are marked as lost."
    return compose("; worker ", bold(name), consequence)


def _describe_retrying(stage: StageRunView, context: RunContext) -> list[TextPart]:
    due = stage.newest.due_at
    when = f"in {format_elapsed(due, context.now)}" if due and due > context.now else "now"
    if len(stage.attempts) == 1:
        return compose(bold(stage.name), f" runs again {when}.")
    failed = stage.attempts[-2]
    detail = f" ({describe_attempt(stage, failed)} failed: {describe_failure(failed)})."
    return compose(bold(stage.name), f" runs again {when}{detail}")
