"""Decide which stages can start, and compute a run's status from its stages."""

from collections.abc import Iterable, Mapping
from enum import Enum

from domain.pipelines.definition import StageCondition
from domain.runs.stage_run import StageRun
from domain.runs.status import Reason, Status


class Readiness(Enum):
    """Whether a stage can start, given the stages it needs."""

    BLOCKED = "blocked"
    """A stage it needs is not over."""
    READY = "ready"
    UNREACHABLE = "unreachable"
    """The stages it needs have ended so that it will never start."""


def get_readiness(stage: StageRun, stages: Mapping[str, StageRun]) -> Readiness:
    needs = [stages[name] for name in stage.definition.needs]
    match stage.definition.when:
        case StageCondition.COMPLETED:
            if all(need.is_satisfied for need in needs):
                return Readiness.READY
            is_unreachable = any(need.is_over and not need.is_satisfied for need in needs)
            return Readiness.UNREACHABLE if is_unreachable else Readiness.BLOCKED
        case StageCondition.ALWAYS:
            return Readiness.READY if _are_over(needs) else Readiness.BLOCKED
        case StageCondition.FAILED:
            if not _are_over(needs):
                return Readiness.BLOCKED
            any_failed = any(need.status in (Status.FAILED, Status.LOST) for need in needs)
            return Readiness.READY if any_failed else Readiness.UNREACHABLE


def _are_over(stages: Iterable[StageRun]) -> bool:
    return all(stage.is_over for stage in stages)


def compute_run_status(stages: Iterable[StageRun], verdict: Status | None, has_started: bool, waits_for_slots: bool = False) -> Status:
    """Return the status that follows from the stages, and from the verdict given on the run as a whole (DESIGN, "Status").

    `waits_for_slots` is True if the run as a whole waits for slots of its concurrency limits.
    """
    all_stages = list(stages)
    by_name = {stage.name: stage for stage in all_stages}
    statuses = {stage.status for stage in all_stages}
    if Status.RUNNING in statuses:
        return Status.RUNNING
    if waits_for_slots or Status.QUEUED in statuses or any(_waits_for_retry(stage) for stage in all_stages):
        return Status.RUNNING if has_started else Status.QUEUED
    if any(stage.status is Status.WAITING and get_readiness(stage, by_name) is Readiness.READY for stage in all_stages):
        return Status.WAITING
    if not all(stage.is_over for stage in all_stages):
        return Status.WAITING if Status.WAITING in statuses else Status.PENDING
    return verdict or _compute_final_status(all_stages)


def _waits_for_retry(stage: StageRun) -> bool:
    return stage.status is Status.WAITING and stage.current.reason is Reason.RETRY


def _compute_final_status(stages: list[StageRun]) -> Status:
    counted = {stage.status for stage in stages if not (stage.definition.allow_failure and stage.status in (Status.FAILED, Status.LOST))}
    for status in (Status.LOST, Status.FAILED, Status.CANCELLED):
        if status in counted:
            return status
    return Status.COMPLETED
