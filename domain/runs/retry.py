"""Retry stages of a run, in place: finished attempts stay as they are, and each retried stage gets a new one."""

from collections.abc import Collection, Iterable
from datetime import datetime

from domain.access.actor import Actor
from domain.concurrency.slots import SlotState
from domain.errors import Conflict
from domain.name_lists import format_names
from domain.pipelines.definition import PipelineDefinition
from domain.runs.attempt import Attempt
from domain.runs.events import EventType
from domain.runs.readiness import Readiness, get_readiness
from domain.runs.run import Run
from domain.runs.run_flow_runs import is_submitted
from domain.runs.run_slots import occupies_slots
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status

RETRYABLE = (Status.FAILED, Status.LOST, Status.CANCELLED, Status.SKIPPED)


def retry_failed(run: Run, now: datetime, actor: Actor) -> list[str]:
    """Retry every stage that kept the run from completing, and the stages skipped because of them.

    Returns the names of the stages that kept it from completing. Raises Conflict `nothing_failed` if there is none.
    """
    names = [stage.name for stage in run.stages.values() if _prevents_completion(stage)] or [
        stage.name for stage in run.stages.values() if stage.status in (Status.FAILED, Status.LOST)
    ]
    if not names:
        raise Conflict("nothing_failed", "No stage of this run failed, was lost or was cancelled.", {"status": run.status})
    retry_stages(run, names, now, actor)
    return names


def retry_stages(run: Run, names: Collection[str], now: datetime, actor: Actor) -> None:
    """Give each of these finished stages, and the stages skipped because of them, a new attempt.

    Raises NotFound for an unknown stage; Conflict `run_ending`, `not_retryable` or `needs_not_done`.
    """
    run.require_not_stopping()
    chosen = [run.get_stage(name) for name in names]
    for stage in chosen:
        if stage.status not in RETRYABLE:
            sentence = f"{stage.name} is {stage.status}; only failed, lost, cancelled or skipped stages can be retried."
            raise Conflict("not_retryable", sentence)
    restarted = with_skipped_dependents(run, chosen)
    for stage in chosen:
        _check_needs(run, stage, restarted)
    run.reopen(now, actor.name, {"act": "retry", "stages": sorted(names)})
    add_attempts(run, restarted, now, actor)
    run.propagate(now)


def change_revision(run: Run, definition: PipelineDefinition, revision: int) -> None:
    """Use another revision for the attempts to come.

    Raises Conflict `graph_changed` unless both revisions have the same pool and the same stages, in the same order, with the same kinds
    and needs: otherwise the finished attempts would not match their stages. Raises Conflict `limits_changed` if that would change the
    slots that the run or a stage waits for or holds, and `flow_run_changed` if a flow run that is under way is one of another deployment.
    """
    if revision == run.revision:
        return
    _check_limits(run, definition, revision)
    _check_flow_runs(run, definition, revision)
    before = [(stage.name, stage.kind, stage.needs) for stage in run.definition.stages]
    after = [(stage.name, stage.kind, stage.needs) for stage in definition.stages]
    if before != after or run.definition.pool != definition.pool:
        sentence = (
            f"Revision {revision} has different stages from revision {run.revision}. Retry with the same revision, or start a new run."
        )
        raise Conflict("graph_changed", sentence, {"revision": revision})
    run.definition, run.revision = definition, revision
    for stage in definition.stages:
        run.stages[stage.name].definition = stage


def _check_limits(run: Run, definition: PipelineDefinition, revision: int) -> None:
    """Raise Conflict `limits_changed` if the run, or a stage that has its turn, would need other slots than it holds or waits for."""
    before, after = run.definition, definition
    waits = run.slot_state is SlotState.WAITING
    has_changed = waits and before.concurrency != after.concurrency
    for stage in run.stages.values():
        new = definition.stage(stage.name)
        has_turn = occupies_slots(stage.status, stage.current.reason)
        has_changed = has_changed or (has_turn and new is not None and new.uses != stage.definition.uses)
    if has_changed:
        sentence = (
            f"Revision {revision} has different concurrency limits from revision {run.revision}. Retry when no stage is running or queued."
        )
        raise Conflict("limits_changed", sentence, {"revision": revision})


def _check_flow_runs(run: Run, definition: PipelineDefinition, revision: int) -> None:
    """Raise Conflict `flow_run_changed` if a flow run may be created, or is under way, of a deployment that the revision does not name."""
    for stage in run.stages.values():
        new = definition.stage(stage.name)
        if is_submitted(stage) and new is not None and new.deployment != stage.definition.deployment:
            sentence = f"Revision {revision} changes the deployment of {stage.name}. Retry when its flow run has ended."
            raise Conflict("flow_run_changed", sentence, {"revision": revision})


def with_skipped_dependents(run: Run, chosen: Iterable[StageRun]) -> list[StageRun]:
    """Return the chosen stages and all stages that were skipped because of them, in the definition's order."""
    found = {stage.name for stage in chosen}
    grew = True
    while grew:
        dependents = {
            stage.name
            for stage in run.stages.values()
            if stage.status is Status.SKIPPED and stage.current.reason is Reason.UPSTREAM and found.intersection(stage.definition.needs)
        }
        grew = not dependents <= found
        found |= dependents
    return [stage for stage in run.stages.values() if stage.name in found]


def add_attempts(run: Run, stages: Iterable[StageRun], now: datetime, actor: Actor) -> None:
    """Add a pending attempt, requested by a person, to each of these stages. The caller calls `run.propagate` afterwards."""
    for stage in stages:
        stage.attempts.append(Attempt(len(stage.attempts) + 1, now, by_person=True))
        run.record(EventType.STAGE_RETRIED, now, stage=stage, status=Status.PENDING, actor=actor.name)
        run.await_report(stage, now)


def _prevents_completion(stage: StageRun) -> bool:
    if stage.status in (Status.FAILED, Status.LOST):
        return not stage.definition.allow_failure
    return stage.status is Status.CANCELLED


def _check_needs(run: Run, stage: StageRun, restarted: Iterable[StageRun]) -> None:
    """Raise Conflict if the new attempt could only be skipped again."""
    if get_readiness(stage, run.stages) is not Readiness.UNREACHABLE:
        return
    names = {each.name for each in restarted}
    if not names.intersection(stage.definition.needs):
        blocking = [name for name in stage.definition.needs if not run.stages[name].is_satisfied]
        sentence = f"{stage.name} needs {format_names(blocking)}; retry from there."
        raise Conflict("needs_not_done", sentence, {"needs": blocking})
