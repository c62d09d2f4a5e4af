"""Explains a run's status in one or two sentences. The page, the API and the CLI all show this text."""

from collections.abc import Sequence

from application.queries.explain.active_runs import describe_active_run
from application.queries.explain.attempts import describe_attempt
from application.queries.explain.durations import format_duration
from application.queries.explain.flow_runs import was_cancelled_in_prefect
from application.queries.explain.run_context import RunContext
from application.queries.explain.status_text import (
    StatusText,
    TextPart,
    bold,
    compose,
    describe_failure,
    format_stage_names,
    get_error_line,
)
from application.queries.explain.waits import find_wait
from application.queries.views.runs import AttemptView, RunView, StageRunView
from domain.flow_runs.flow_state import FlowState
from domain.runs.active_time import get_active_seconds
from domain.runs.status import Reason, Status


def explain_run(run: RunView, context: RunContext) -> StatusText:
    """Return why the run has its status: how it ended, or what it is doing or waiting for."""
    parts = _OUTCOMES[run.status](run) if run.status.is_terminal else describe_active_run(run, context)
    return StatusText([part for part in parts if part.text])


def explain_outcome(run: RunView) -> str | None:
    """Return how a finished run ended, which depends on the run alone; None for an active run."""
    return str(explain_run(run, RunContext(run.finished_at or run.created_at))) if run.status.is_terminal else None


def _completed(run: RunView) -> list[TextPart]:
    allowed_failures = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST)]
    if allowed_failures:
        return compose("Completed. ", format_stage_names(allowed_failures), " failed, which is allowed.")
    end = run.finished_at or run.created_at
    active, wait = get_active_seconds(run, end), find_wait(run, end)
    took = f" in {format_duration(active)}" if active is not None else ""
    return compose(f"Completed{took}.", f" It {wait}." if wait else "")


def _failed(run: RunView) -> list[TextPart]:
    failed = [stage for stage in run.stages if stage.status is Status.FAILED and not stage.allow_failure]
    if not failed:
        return compose(f"{run.actor or 'A report'} marked the run as failed.")
    stage, newest = failed[0], failed[0].newest
    if newest.reason is Reason.REJECTED:
        return compose(bold(stage.name), f" was rejected{_rejection_detail(newest)}.")
    attempt = f" on {describe_attempt(stage, newest)}" if newest.number > 1 else ""
    return compose(bold(stage.name), f" failed{attempt}: {describe_failure(newest)}.", _describe_retry(run))


def _rejection_detail(attempt: AttemptView) -> str:
    detail = (attempt.error_message or "").removeprefix("Rejected").strip(" .")
    return f" {detail}"[:200] if detail else ""


def _describe_retry(run: RunView) -> list[TextPart]:
    completed = sum(stage.status is Status.COMPLETED for stage in run.stages)
    failed = [stage for stage in run.stages if stage.status in (Status.FAILED, Status.LOST) and not stage.allow_failure]
    if not completed or not failed:
        return []
    stages = "the completed stage" if completed == 1 else f"the {completed} completed stages"
    return compose(f" A retry keeps {stages} and starts at ", bold(failed[0].name), ".")


def _cancelled(run: RunView) -> list[TextPart]:
    cancelled = [stage for stage in run.stages if stage.status is Status.CANCELLED]
    if not cancelled:
        return compose("Cancelled.")
    place = " in Prefect" if was_cancelled_in_prefect(cancelled[0]) else ""
    return compose(f"Cancelled{place} before ", bold(cancelled[0].name), " completed.", _describe_retry_start(cancelled))


def _lost(run: RunView) -> list[TextPart]:
    lost = [stage for stage in run.stages if stage.status is Status.LOST]
    if not lost:
        return compose("Lost: the worker stopped responding.")
    if lost[0].newest.reason is Reason.SUPERSEDED:
        return compose("Lost: the next run began before the end of ", bold(lost[0].name), " was reported.")
    if lost[0].newest.reason is Reason.FENCED:
        return compose("Lost: the worker of ", bold(lost[0].name), " could not reach Headgate and ended it.", _describe_retry_start(lost))
    if lost[0].newest.flow_run is not None:
        return compose("Lost: ", _describe_lost_flow_run(lost[0]), ".", _describe_retry_start(lost))
    name, at = bold(lost[0].name), lost[0].newest.finished_at
    when = [TextPart(" at "), TextPart(f"{at:%H:%M:%S} UTC", at=at)] if at else []
    advice = compose(". Check the log to see how far ", name, " got.", _describe_retry_start(lost))
    return compose("Lost: the worker of ", name, " stopped responding", when, advice)


def _describe_lost_flow_run(stage: StageRunView) -> list[TextPart]:
    flow_run = stage.newest.flow_run
    if flow_run is None or flow_run.state is not FlowState.CRASHED:
        return compose("Prefect no longer has the flow run of ", bold(stage.name))
    message = get_error_line(stage.newest)
    return compose("the flow run of ", bold(stage.name), f" crashed: {message}" if message else " crashed")


def _describe_retry_start(stages: Sequence[StageRunView]) -> list[TextPart]:
    return compose(" A retry starts at ", bold(stages[0].name), ".")


_OUTCOMES = {
    Status.COMPLETED: _completed,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
    Status.LOST: _lost,
    Status.SKIPPED: _completed,
}
