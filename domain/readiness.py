"""What may start now, and what never will: the questions asked after every fact."""

from collections.abc import Iterable, Mapping
from enum import Enum

from domain.attempt import StageRun
from domain.definition import When
from domain.status import Reason, Status


class Gate(Enum):
    """How a stage's needs stand."""

    CLOSED = "closed"
    OPEN = "open"
    NEVER = "never"


def gate(stage: StageRun, stages: Mapping[str, StageRun]) -> Gate:
    """OPEN when the stage may start; NEVER when its needs ended so that it will not; CLOSED while they are under way."""
    needs = [stages[name] for name in stage.definition.needs]
    over = all(need.is_over for need in needs)
    match stage.definition.when:
        case When.COMPLETED:
            if all(need.is_done for need in needs):
                return Gate.OPEN
            return Gate.NEVER if any(need.is_over and not need.is_done for need in needs) else Gate.CLOSED
        case When.ALWAYS:
            return Gate.OPEN if over else Gate.CLOSED
        case When.FAILED:
            if not over:
                return Gate.CLOSED
            return Gate.OPEN if any(need.status in (Status.FAILED, Status.LOST) for need in needs) else Gate.NEVER


def run_status(stages: Iterable[StageRun], verdict: Status | None, has_started: bool) -> Status:
    """A run's status: a pure function of its stages and of the verdict given on it as a whole (DESIGN, "Status")."""
    every = list(stages)
    by_name = {stage.name: stage for stage in every}
    statuses = {stage.status for stage in every}
    if Status.RUNNING in statuses:
        return Status.RUNNING
    if Status.QUEUED in statuses or any(_waits_for_retry(stage) for stage in every):
        return Status.RUNNING if has_started else Status.QUEUED
    if any(stage.status is Status.WAITING and gate(stage, by_name) is Gate.OPEN for stage in every):
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
