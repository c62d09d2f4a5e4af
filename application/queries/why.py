"""The one sentence that says why a run is where it is, from facts; the same words on the page, in the API and in the terminal."""

from collections.abc import Sequence

from application.queries.sentences import Part, Surroundings, Why, duration, names, reason_of
from application.queries.views import AttemptView, RunView, StageRunView
from application.queries.why_under_way import under_way
from domain.status import Reason, Status


def explain(run: RunView, around: Surroundings) -> Why:
    """Why the run is where it is, or how it ended."""
    sentence = _ENDED[run.status](run) if run.status.is_terminal else under_way(run, around)
    return Why([part for part in sentence if part.text])


def _completed(run: RunView) -> list[Part]:
    forgiven = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST)]
    if forgiven:
        return [Part("Completed; "), *names(forgiven), Part(" did not, and was allowed to.")]
    took = duration(run.finished_at, run.started_at) if run.finished_at and run.started_at else ""
    return [Part(f"Completed in {took}." if took else "Completed.")]


def _failed(run: RunView) -> list[Part]:
    failed = [stage for stage in run.stages if stage.status is Status.FAILED and not stage.allow_failure]
    if not failed:
        return [Part("Failed: "), Part(f"{run.actor or 'a report'} said so of the run as a whole.")]
    newest = failed[0].newest
    if newest.reason is Reason.REJECTED:
        return [Part("Failed: "), Part(failed[0].name, True), Part(f" was rejected{_told(newest)}.")]
    tries = f" on attempt {newest.number} of {newest.number}" if newest.number > 1 else ""
    return [Part("Failed: "), Part(failed[0].name, True), Part(f" ended with {reason_of(newest)}{tries}."), *_what_a_retry_does(run)]


def _told(attempt: AttemptView) -> str:
    said = (attempt.error_message or "").removeprefix("Rejected").strip(" .")
    return f" {said}"[:200] if said else ""


def _what_a_retry_does(run: RunView) -> list[Part]:
    kept = sum(stage.status is Status.COMPLETED for stage in run.stages)
    again = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST) and not stage.allow_failure]
    if not kept or not again:
        return []
    stages = "the stage that completed" if kept == 1 else f"the {kept} stages that completed"
    return [Part(f" A retry keeps {stages} and begins at "), *names(again[:1]), Part(".")]


def _cancelled(run: RunView) -> list[Part]:
    reached = [stage for stage in run.stages if stage.status is Status.CANCELLED]
    return [
        Part("Cancelled"),
        *([Part(" before "), Part(reached[0].name, True), Part(" had completed")] if reached else []),
        Part("."),
        *_begins_at(reached),
    ]


def _lost(run: RunView) -> list[Part]:
    lost = [stage for stage in run.stages if stage.status is Status.LOST]
    at = lost[0].newest.finished_at if lost else None
    where = [Part(" in "), Part(lost[0].name, True)] if lost else []
    when = [Part(" at "), Part(f"{at:%H:%M:%S} UTC", at=at)] if at else []
    look = [Part(" How far it came is not known: see its log first.")] if lost else []
    return [Part("Lost: the worker stopped answering"), *where, *when, Part("."), *look, *_begins_at(lost)]


def _begins_at(stages: Sequence[StageRunView]) -> list[Part]:
    return [Part(" A retry begins at "), Part(stages[0].name, True), Part(".")] if stages else []


_ENDED = {
    Status.COMPLETED: _completed,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
    Status.LOST: _lost,
    Status.SKIPPED: _completed,
}
