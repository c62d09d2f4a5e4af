"""Approve or reject a stage that waits for a person's decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.access.actor import Actor
from domain.errors import Conflict, NotAllowed
from domain.name_lists import format_names
from domain.pipelines.definition import StageKind
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status


@dataclass(frozen=True, slots=True)
class Decision:
    """An approval or a rejection. `values` fill the approval's fields and are already checked against their schema."""

    approves: bool
    comment: str | None = None
    values: Mapping[str, Any] | None = None


def decide_approval(run: Run, name: str, decision: Decision, now: datetime, actor: Actor) -> bool:
    """Complete (approve) or fail (reject) a waiting approval. Returns False if the same decision was made before.

    Raises NotFound; NotAllowed if the actor is not an approver; Conflict `not_an_approval`, `not_waiting` before the approval's turn, or
    `late_decision` if the approval ended otherwise.
    """
    stage = run.get_stage(name)
    if stage.definition.kind is not StageKind.APPROVAL:
        raise Conflict("not_an_approval", f"{stage.name} is not an approval: it is a stage of kind {stage.definition.kind}.")
    if not actor.is_listed_in(stage.definition.approvers):
        raise NotAllowed(f"{stage.name} is decided by {format_names(stage.definition.approvers, last='or')}.")
    if stage.status is not Status.WAITING:
        _check_repeated_decision(stage, decision)
        return False
    attempt = stage.current
    attempt.message, attempt.by_person, attempt.due_at = decision.comment, True, None
    data = {"approved": decision.approves} | ({"message": decision.comment} if decision.comment else {})
    run.record(EventType.STAGE_DECIDED, now, stage=stage, actor=actor.name, data=data)
    if decision.approves:
        attempt.output = dict(decision.values or {}) or None
        run.move(stage, Status.COMPLETED, now, actor=actor.name)
    else:
        by = f" by {actor.name}" if actor.name else ""
        attempt.error_message = f"Rejected{by}: {decision.comment}" if decision.comment else f"Rejected{by}."
        run.move(stage, Status.FAILED, now, reason=Reason.REJECTED, actor=actor.name)
    run.propagate(now)
    return True


def _check_repeated_decision(stage: StageRun, decision: Decision) -> None:
    """Raise Conflict unless the stage has ended by the same decision."""
    if not stage.is_over:
        raise Conflict("not_waiting", f"{stage.name} is {stage.status} and is not waiting for a decision.", {"status": stage.status})
    approved = stage.status is Status.COMPLETED
    rejected = stage.status is Status.FAILED and stage.current.reason is Reason.REJECTED
    if (decision.approves and approved) or (not decision.approves and rejected):
        return
    outcome = "approved" if approved else "rejected" if rejected else str(stage.status)
    raise Conflict("late_decision", f"{stage.name} is {outcome} already. A decision is final.", {"status": stage.status})
