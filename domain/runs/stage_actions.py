"""Skip or cancel one stage of a run while the run continues."""

from datetime import datetime

from domain.access.actor import Actor
from domain.errors import Conflict
from domain.runs.attempt import Attempt
from domain.runs.events import EventType
from domain.runs.retry import add_attempts, with_skipped_dependents
from domain.runs.run import Run
from domain.runs.run_flow_runs import request_stop
from domain.runs.status import Status


def skip_stage(run: Run, name: str, now: datetime, actor: Actor, reason: str | None) -> bool:
    """Treat the stage as completed for the stages that need it; stages skipped because of it get a new attempt.

    Returns False if it was skipped before. Raises NotFound; Conflict `run_ending` or `not_skippable`.
    """
    run.require_not_stopping()
    stage = run.get_stage(name)
    if stage.status is Status.SKIPPED and stage.is_satisfied:
        return False
    if stage.status in (Status.COMPLETED, Status.RUNNING, Status.QUEUED):
        hint = "there is nothing to skip" if stage.status is Status.COMPLETED else "cancel it first"
        raise Conflict("not_skippable", f"{stage.name} is {stage.status}; {hint}.", {"status": stage.status})
    dependents = [dependent for dependent in with_skipped_dependents(run, [stage]) if dependent is not stage]
    run.reopen(now, actor.name, {"act": "skip", "stages": [name], **_message(reason)})
    if stage.is_over:
        stage.attempts.append(Attempt(len(stage.attempts) + 1, now))
    stage.current.by_person, stage.current.message = True, reason
    run.move(stage, Status.SKIPPED, now, actor=actor.name)
    add_attempts(run, dependents, now, actor)
    run.propagate(now)
    return True


def cancel_stage(run: Run, name: str, now: datetime, actor: Actor, reason: str | None) -> bool:
    """Cancel a stage that is not running, or ask the worker to stop a running one.

    Returns False if that was requested before. Raises NotFound; Conflict `run_ending` or `stage_over`.
    """
    run.require_not_stopping()
    stage = run.get_stage(name)
    if stage.is_over:
        raise Conflict("stage_over", f"{stage.name} has already ended: it is {stage.status}.", {"status": stage.status})
    if stage.current.stop_requested_at is not None:
        return False
    runs_on_worker = stage.status is Status.RUNNING and stage.definition.kind.runs_on_worker
    if runs_on_worker or request_stop(run, stage, now):
        stage.current.stop_requested_at = now
        run.record(EventType.STAGE_CANCEL_REQUESTED, now, stage=stage, status=Status.CANCELLED, actor=actor.name, data=_message(reason))
    else:
        stage.current.message = reason
        run.move(stage, Status.CANCELLED, now, actor=actor.name)
        run.propagate(now)
    return True


def _message(text: str | None) -> dict[str, str]:
    return {"message": text} if text else {}
