"""What may start now, and what never will: the questions asked after every fact."""

from collections.abc import Iterable, Mapping
from enum import Enum

from domain.pipelines.definition import StageCondition
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status


class Readiness(Enum):
    """How a stage's needs stand."""

    BLOCKED = "closed"
    READY = "open"
    UNREACHABLE = "never"


def get_readiness(stage: StageRun, stages: Mapping[str, StageRun]) -> Readiness:
    """READY when the stage may start; UNREACHABLE when its needs ended so that it will not; BLOCKED while they are under way."""
    needs = [stages[name] for name in stage.definition.needs]
    over = all(need.is_over for need in needs)
    match stage.definition.when:
        case StageCondition.COMPLETED:
            if all(need.is_satisfied for need in needs):
                return Readiness.READY
            return Readiness.UNREACHABLE if any(need.is_over and not need.is_satisfied for need in needs) else Readiness.BLOCKED
        case StageCondition.ALWAYS:
            return Readiness.READY if over else Readiness.BLOCKED
        case StageCondition.FAILED:
            if not over:
                return Readiness.BLOCKED
            return Readiness.READY if any(need.status in (Status.FAILED, Status.LOST) for need in needs) else Readiness.UNREACHABLE


def compute_run_status(stages: Iterable[StageRun], verdict: Status | None, has_started: bool) -> Status:
    """A run's status: a pure function of its stages and of the verdict given on it as a whole (DESIGN, "Status")."""
    every = list(stages)
    by_name = {stage.name: stage for stage in every}
    statuses = {stage.status for stage in every}
    if Status.RUNNING in statuses:
        return Status.RUNNING
    if Status.QUEUED in statuses or any(_waits_for_retry(stage) for stage in every):
        return Status.RUNNING if has_started else Status.QUEUED
    if any(stage.status is Status.WAITING and get_readiness(stage, by_name) is Readiness.READY for stage in every):
        return Status.WAITING
    if not all(stage.is_over for stage in every):
        return Status.WAITING if Status.WAITING in statuses else Status.PENDING
    return verdict or _end(every)


def _waits_for_retry(stage: StageRun) -> bool:
    return stage.status is Status.WAITING and stage.current.reason is Reason.RETRY


def _end(stages: list[StageRun]) -> Status:
    counted = {stage.status for stage in stages if not (stage.definition.allow_failure and stage.status in (Status.FAILED, Status.LOST))}
    for verdict in (Status.LOST, Status.FAILED, Status.CANCELLED):
        if verdict in counted:
            return verdict
    return Status.COMPLETED
