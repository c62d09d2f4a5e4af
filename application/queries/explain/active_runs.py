"""Why a run that is not over is where it is."""

from collections.abc import Sequence

from application.queries.explain.durations import format_duration, format_elapsed
from application.queries.explain.queued_runs import describe_queue_reason, describe_queued_run
from application.queries.explain.run_context import RunContext
from application.queries.explain.status_text import TextPart, describe_failure, format_stage_names, format_time
from application.queries.views.runs import RunView, StageRunView
from domain.runs.status import Reason, Status


def describe_active_run(run: RunView, context: RunContext) -> list[TextPart]:
    """What runs comes first, then what is tried again, what is queued, and last what waits for somebody."""
    running = _in(run, Status.RUNNING)
    waiting = _in(run, Status.WAITING)
    retrying = [stage for stage in waiting if stage.newest.reason is Reason.RETRY]
    if run.stop_requested_at is not None:
        return _stopping(run, running, context)
    if running:
        return [*_running(run, running, context), *_beside(run, waiting, context)]
    if retrying:
        return _retrying(retrying[0], context)
    if _in(run, Status.QUEUED):
        return describe_queued_run(run, context)
    if approvals := _approvals(waiting):
        return _for_approval(approvals, context)
    awaited = next((stage for stage in waiting if stage.newest.deadline_at is not None), waiting[0] if waiting else None)
    return _for_report(awaited, context) if awaited else [TextPart("Nothing of it has started yet.")]


def _in(run: RunView, status: Status) -> list[StageRunView]:
    return [stage for stage in run.stages if stage.status is status]


def _approvals(waiting: Sequence[StageRunView]) -> list[StageRunView]:
    return [stage for stage in waiting if stage.newest.reason is Reason.APPROVAL]


def _stopping(run: RunView, running: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    asked = run.stop_requested_at
    since = f" for {format_elapsed(context.now, asked)}" if asked is not None and (context.now - asked).total_seconds() >= 1 else ""
    if not running:
        return [TextPart(f"Stopping{since}: what it had begun is being ended.")]
    ended = " is being ended by its worker" if len(running) == 1 else " are being ended by their worker"
    return [TextPart(f"Stopping{since}: "), *format_stage_names(running), TextPart(ended), *(_silence(running, context) or [TextPart(".")])]


def _for_report(stage: StageRunView, context: RunContext) -> list[TextPart]:
    parts = [TextPart("Waiting for a report about "), TextPart(stage.name, True), TextPart(" from a machine")]
    if stage.waiting_since:
        parts += [TextPart(" since "), format_time(stage.waiting_since, context.now)]
    deadline = stage.newest.deadline_at
    return [*parts, TextPart(f"; without one it fails in {format_elapsed(deadline, context.now)}." if deadline else ".")]


def _for_approval(stages: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    newest = stages[0].newest
    asked = stages[0].waiting_since or newest.created_at
    by = f" by {' or '.join(stages[0].approvers)}" if stages[0].approvers else ""
    parts = [TextPart("Waiting for approval of "), *format_stage_names(stages), TextPart(f"{by} since "), format_time(asked, context.now)]
    return [
        *parts,
        TextPart(f"; it fails in {format_elapsed(newest.deadline_at, context.now)} without one." if newest.deadline_at else "."),
    ]


def _running(run: RunView, running: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    stage = running[0]
    since = stage.newest.started_at or run.created_at
    verb = " has been running for " if len(running) == 1 else " are running, the first for "
    parts = [*format_stage_names(running), TextPart(f"{verb}{format_elapsed(context.now, since)}")]
    if (stopped := next((each for each in running if each.newest.stop_requested_at is not None), None)) is not None:
        asked = [TextPart(stopped.name, True), TextPart(" was cancelled by a person, and is being ended by its worker")]
        return [*asked, *(_silence([stopped], context) or [TextPart(".")])]
    if (silence := _silence(running, context)) is not None:
        return [*parts, *silence]
    parts += _compared(run, running, context)
    following = [other for other in run.stages if other.status is Status.PENDING and stage.name in other.needs]
    if following:
        verb = "comes" if len(following) == 1 else "come"
        return [*parts, TextPart(". "), *format_stage_names(following), TextPart(f" {verb} next.")]
    return [*parts, TextPart(".")]


def _compared(run: RunView, running: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    """With its usual time; of several, the first that is late."""
    is_alone = len(running) == 1
    for stage in running:
        took = (context.now - (stage.newest.started_at or run.created_at)).total_seconds()
        slow = context.slow_thresholds.get(stage.name)
        if slow is not None and took > slow:
            who = [] if is_alone else [TextPart(stage.name, True), TextPart(" is ")]
            return [
                TextPart(", " if is_alone else "; "),
                *who,
                TextPart(f"later than usual: 19 of 20 times it is done within {format_duration(slow)}"),
            ]
    usual = context.typical_durations.get(running[0].name) if is_alone else None
    return [TextPart(f"; it usually takes {format_duration(usual)}")] if usual is not None else []


def _beside(run: RunView, waiting: Sequence[StageRunView], context: RunContext) -> list[TextPart]:
    """What does not go on while something runs."""
    if held := _in(run, Status.QUEUED):
        return [
            TextPart(" "),
            *format_stage_names(held),
            TextPart(" is queued: " if len(held) == 1 else " are queued: "),
            *describe_queue_reason(run, context),
        ]
    if asked := _approvals(waiting):
        return [TextPart(" "), *format_stage_names(asked), TextPart(" waits for approval." if len(asked) == 1 else " wait for approval.")]
    return []


def _silence(running: Sequence[StageRunView], context: RunContext) -> list[TextPart] | None:
    """Of the worker that carries one of them; what it runs is lost once its lease has run out."""
    found = next(
        (context.silent_workers[worker] for stage in running if (worker := stage.newest.worker or "") in context.silent_workers), None
    )
    if found is None:
        return None
    name, since = found
    told = f" has not been heard of for {format_duration(since)}, and is given up as lost if that lasts."
    return [TextPart("; its worker "), TextPart(name, True), TextPart(told)]


def _retrying(stage: StageRunView, context: RunContext) -> list[TextPart]:
    due = stage.newest.due_at
    earlier = stage.attempts[-2] if len(stage.attempts) > 1 else stage.newest
    when = f"in {format_elapsed(due, context.now)}" if due and due > context.now else "now"
    said = f", after {describe_failure(earlier)}" if earlier is not stage.newest else ""
    return [TextPart(stage.name, True), TextPart(f" is tried again {when}{said} on attempt {earlier.number} of {stage.retries + 1}.")]
