"""What a person may do to a run under way or over: retry, skip, cancel a stage, decide an approval (DESIGN, "Retry").

Each is one fact with its consequences, recorded with who did it. Nothing here changes an attempt that is over: what is tried again or
skipped gets a new one. Conflict, with a stable kind, where the present state does not allow it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.errors import Conflict, NotAllowed, NotFound
from domain.pipelines.definition import PipelineDefinition, StageKind
from domain.runs.attempt import Attempt, StageRun
from domain.runs.events import EventType
from domain.runs.readiness import Readiness, get_readiness
from domain.runs.run import Run
from domain.runs.status import Reason, Status

_RETRIED = (Status.FAILED, Status.LOST, Status.CANCELLED, Status.SKIPPED)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, how they are known, and from which address. `name` is None where nobody is signed in, as on a laptop: then everything is
    theirs to decide."""

    name: str | None = None
    roles: Collection[str] = ()
    way: str | None = None
    address: str | None = None

    def is_listed_in(self, approvers: Collection[str]) -> bool:
        return not approvers or self.name is None or self.name in approvers or any(role in approvers for role in self.roles)


ANONYMOUS_ACTOR = Actor()


def retry_failed(run: Run, now: datetime, actor: Actor) -> list[str]:
    """Try again what kept the run from completing, and what was skipped because of it; returns the names of the former."""
    names = [stage.name for stage in run.stages.values() if _kept_from_completing(stage)] or [
        stage.name for stage in run.stages.values() if stage.status in (Status.FAILED, Status.LOST)
    ]
    if not names:
        raise Conflict("nothing_failed", "No stage of it failed, was lost or was cancelled.", {"status": run.status})
    retry_stages(run, names, now, actor)
    return names


def retry_stages(run: Run, names: Collection[str], now: datetime, actor: Actor) -> None:
    """Give each of these finished stages a new attempt, and what stands after them and was skipped because of them too."""
    _check_not_ending(run)
    chosen = [get_stage(run, name) for name in names]
    for stage in chosen:
        if stage.status not in _RETRIED:
            raise Conflict("not_retryable", f"{stage.name} is {stage.status}; what failed, was lost, cancelled or skipped can be retried.")
    revived = _with_followers(run, chosen)
    for stage in chosen:
        _check_needs(run, stage, revived)
    run.reopen(now, actor.name, {"act": "retry", "stages": sorted(names)})
    _revive(run, revived, now, actor)
    run.propagate(now)


def skip_stage(run: Run, name: str, now: datetime, actor: Actor, reason: str | None) -> bool:
    """Let the run go on as if the stage had completed; what was skipped because of it gets its turn. False when that was done already."""
    _check_not_ending(run)
    stage = get_stage(run, name)
    if stage.status is Status.SKIPPED and stage.is_satisfied:
        return False
    if stage.status in (Status.COMPLETED, Status.RUNNING, Status.QUEUED):
        hint = "there is nothing to skip" if stage.status is Status.COMPLETED else "cancel it first"
        raise Conflict("not_skippable", f"{stage.name} is {stage.status}; {hint}.", {"status": stage.status})
    followers = [follower for follower in _with_followers(run, [stage]) if follower is not stage]
    run.reopen(now, actor.name, {"act": "skip", "stages": [name], **_said(reason)})
    if stage.is_over:
        stage.attempts.append(Attempt(len(stage.attempts) + 1, now))
    stage.current.by_person, stage.current.message = True, reason
    run.move(stage, Status.SKIPPED, now, actor=actor.name)
    _revive(run, followers, now, actor)
    run.propagate(now)
    return True


def cancel_stage(run: Run, name: str, now: datetime, actor: Actor, reason: str | None) -> bool:
    """Cancel what does not run at once, and ask the worker to end what does; the run goes on. False when that was asked already."""
    _check_not_ending(run)
    stage = get_stage(run, name)
    if stage.is_over:
        raise Conflict("stage_over", f"{stage.name} is over already: it is {stage.status}.", {"status": stage.status})
    if stage.current.stop_requested_at is not None:
        return False
    if stage.status is Status.RUNNING and stage.definition.kind.runs_on_worker:
        stage.current.stop_requested_at = now
        run.record(EventType.STAGE_CANCEL_REQUESTED, now, stage=stage, status=Status.CANCELLED, actor=actor.name, data=_said(reason))
    else:
        stage.current.message = reason
        run.move(stage, Status.CANCELLED, now, actor=actor.name)
        run.propagate(now)
    return True


@dataclass(frozen=True, slots=True)
class Decision:
    """`values` are those of the approval's fields, already checked against their schema."""

    approves: bool
    comment: str | None = None
    values: Mapping[str, Any] | None = None


def decide_approval(run: Run, name: str, decision: Decision, now: datetime, actor: Actor) -> bool:
    """Approve (completed) or reject (failed) a stage that waits for it. False when the same was decided already.

    NotAllowed for who is not among its approvers; Conflict `late_decision` when something else was decided, `not_waiting` before its turn.
    """
    stage = get_stage(run, name)
    if stage.definition.kind is not StageKind.APPROVAL:
        raise Conflict("not_an_approval", f"{stage.name} is no approval: it is a stage of kind {stage.definition.kind}.")
    if not actor.is_listed_in(stage.definition.approvers):
        raise NotAllowed(f"{stage.name} is decided by {', '.join(stage.definition.approvers)}.")
    if stage.status is not Status.WAITING:
        return _decided_before(stage, decision)
    attempt = stage.current
    attempt.message, attempt.by_person, attempt.due_at = decision.comment, True, None
    data = {"approved": decision.approves, **_said(decision.comment)}
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


def change_revision(run: Run, definition: PipelineDefinition, revision: int) -> None:
    """Go on under another revision, for what is tried from now on. Conflict `graph_changed` unless it has the same stages in the same
    order, with the same needs and kinds, in the same pool: otherwise the attempts kept would not fit."""
    if revision == run.revision:
        return
    before, after = run.definition, definition
    shape = [(stage.name, stage.kind, stage.needs) for stage in before.stages]
    if shape != [(stage.name, stage.kind, stage.needs) for stage in after.stages] or before.pool != after.pool:
        sentence = f"Revision {revision} has other stages than revision {run.revision}; retry with the same revision, or run it again."
        raise Conflict("graph_changed", sentence, {"revision": revision})
    run.definition, run.revision = definition, revision
    for stage in definition.stages:
        run.stages[stage.name].definition = stage


def get_stage(run: Run, name: str) -> StageRun:
    stage = run.stages.get(name)
    if stage is None:
        raise NotFound("stage", name)
    return stage


def _check_not_ending(run: Run) -> None:
    if run.stop_requested_at is not None and not run.is_over:
        raise Conflict("run_ending", "The run is being stopped; wait until it is over.", {"status": run.status})


def _kept_from_completing(stage: StageRun) -> bool:
    if stage.status in (Status.FAILED, Status.LOST):
        return not stage.definition.allow_failure
    return stage.status is Status.CANCELLED


def _with_followers(run: Run, chosen: Iterable[StageRun]) -> list[StageRun]:
    """The chosen stages and, behind them, those that were skipped because of what stands before; in the definition's order."""
    names = {stage.name for stage in chosen}
    found = set(names)
    grown = True
    while grown:
        after = {
            stage.name
            for stage in run.stages.values()
            if stage.status is Status.SKIPPED and stage.current.reason is Reason.UPSTREAM and found.intersection(stage.definition.needs)
        }
        grown = not after <= found
        found |= after
    return [stage for stage in run.stages.values() if stage.name in found]


def _check_needs(run: Run, stage: StageRun, revived: Iterable[StageRun]) -> None:
    """A retry that could only be skipped again is refused."""
    if get_readiness(stage, run.stages) is not Readiness.UNREACHABLE:
        return
    again = {each.name for each in revived}
    if not again.intersection(stage.definition.needs):
        blocking = [name for name in stage.definition.needs if not run.stages[name].is_satisfied]
        sentence = f"{stage.name} needs {', '.join(blocking)}; retry from there."
        raise Conflict("needs_not_done", sentence, {"needs": blocking})


def _revive(run: Run, stages: Iterable[StageRun], now: datetime, actor: Actor) -> None:
    for stage in stages:
        stage.attempts.append(Attempt(len(stage.attempts) + 1, now, by_person=True))
        run.record(EventType.STAGE_RETRIED, now, stage=stage, status=Status.PENDING, actor=actor.name)
        run.await_report(stage, now)


def _said(text: str | None) -> dict[str, str]:
    return {"message": text} if text else {}


def _decided_before(stage: StageRun, decision: Decision) -> bool:
    attempt = stage.current
    if not stage.is_over:
        raise Conflict("not_waiting", f"{stage.name} is {stage.status}: it is not its turn yet.", {"status": stage.status})
    approved = stage.status is Status.COMPLETED
    rejected = stage.status is Status.FAILED and attempt.reason is Reason.REJECTED
    if (decision.approves and approved) or (not decision.approves and rejected):
        return False
    how = "approved" if approved else "rejected" if rejected else str(stage.status)
    raise Conflict("late_decision", f"{stage.name} is {how} already, which is final.", {"status": stage.status})
