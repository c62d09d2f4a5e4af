"""Refuse schedules whose only tick is over before they exist."""

from datetime import datetime

from domain.errors import FieldProblem, InvalidInput
from domain.pipelines.definition import PipelineDefinition


def require_future_times(definition: PipelineDefinition, previous: PipelineDefinition | None, now: datetime) -> None:
    """Raise InvalidInput for each new or changed `at` that is not in the future. One that `previous` has already may be in the past."""
    known = {(schedule.name, schedule.recurrence.at) for schedule in previous.schedules} if previous else set()
    problems = [
        FieldProblem(f"schedules[{index}].at", "is in the past: write a later time, or remove the schedule")
        for index, schedule in enumerate(definition.schedules)
        if schedule.recurrence.at is not None and schedule.recurrence.at <= now and (schedule.name, schedule.recurrence.at) not in known
    ]
    if problems:
        raise InvalidInput(problems)
