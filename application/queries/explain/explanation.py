"""The one sentence that says why a run is where it is, from facts; the same words on the page, in the API and in the terminal."""

from collections.abc import Sequence

from application.queries.explain.active_runs import describe_active_run
from application.queries.explain.durations import format_elapsed
from application.queries.explain.run_context import RunContext
from application.queries.explain.status_text import StatusText, TextPart, describe_failure, format_stage_names
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.runs.status import Reason, Status


def explain_run(run: RunView, context: RunContext) -> StatusText:
    """Why the run is where it is, or how it ended."""
    sentence = _ENDED[run.status](run) if run.status.is_terminal else describe_active_run(run, context)
    return StatusText([part for part in sentence if part.text])


def _completed(run: RunView) -> list[TextPart]:
    forgiven = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST)]
    if forgiven:
        return [TextPart("Completed; "), *format_stage_names(forgiven), TextPart(" did not, and was allowed to.")]
    took = format_elapsed(run.finished_at, run.started_at) if run.finished_at and run.started_at else ""
    return [TextPart(f"Completed in {took}." if took else "Completed.")]


def _failed(run: RunView) -> list[TextPart]:
    failed = [stage for stage in run.stages if stage.status is Status.FAILED and not stage.allow_failure]
    if not failed:
        return [TextPart("Failed: "), TextPart(f"{run.actor or 'a report'} said so of the run as a whole.")]
    newest = failed[0].newest
    if newest.reason is Reason.REJECTED:
        return [TextPart("Failed: "), TextPart(failed[0].name, True), TextPart(f" was rejected{_told(newest)}.")]
    tries = f" on attempt {newest.number} of {newest.number}" if newest.number > 1 else ""
    return [
        TextPart("Failed: "),
        TextPart(failed[0].name, True),
        TextPart(f" ended with {describe_failure(newest)}{tries}."),
        *_what_a_retry_does(run),
    ]


def _told(attempt: AttemptView) -> str:
    said = (attempt.error_message or "").removeprefix("Rejected").strip(" .")
    return f" {said}"[:200] if said else ""


def _what_a_retry_does(run: RunView) -> list[TextPart]:
    kept = sum(stage.status is Status.COMPLETED for stage in run.stages)
    again = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST) and not stage.allow_failure]
    if not kept or not again:
        return []
    stages = "the stage that completed" if kept == 1 else f"the {kept} stages that completed"
    return [TextPart(f" A retry keeps {stages} and begins at "), *format_stage_names(again[:1]), TextPart(".")]


def _cancelled(run: RunView) -> list[TextPart]:
    reached = [stage for stage in run.stages if stage.status is Status.CANCELLED]
    return [
        TextPart("Cancelled"),
        *([TextPart(" before "), TextPart(reached[0].name, True), TextPart(" had completed")] if reached else []),
        TextPart("."),
        *_begins_at(reached),
    ]


def _lost(run: RunView) -> list[TextPart]:
    lost = [stage for stage in run.stages if stage.status is Status.LOST]
    at = lost[0].newest.finished_at if lost else None
    where = [TextPart(" in "), TextPart(lost[0].name, True)] if lost else []
    when = [TextPart(" at "), TextPart(f"{at:%H:%M:%S} UTC", at=at)] if at else []
    look = [TextPart(" How far it came is not known: see its log first.")] if lost else []
    return [TextPart("Lost: the worker stopped answering"), *where, *when, TextPart("."), *look, *_begins_at(lost)]


def _begins_at(stages: Sequence[StageRunView]) -> list[TextPart]:
    return [TextPart(" A retry begins at "), TextPart(stages[0].name, True), TextPart(".")] if stages else []


_ENDED = {
    Status.COMPLETED: _completed,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
    Status.LOST: _lost,
    Status.SKIPPED: _completed,
}


def explain_outcome(run: RunView) -> str | None:
    """The sentence of a run that is over, which depends on nothing else; None while it is under way."""
    return str(explain_run(run, RunContext(run.finished_at or run.created_at))) if run.status.is_terminal else None
