"""Validate what needs the ports: cron expressions, and the parameters of scheduled runs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, pairwise, takewhile
from typing import Final

from application.ports.system.cron_expressions import CronExpressions
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.errors import FieldProblem
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.durations import format_duration
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.tick_parameters import resolve_tick_parameters
from domain.schedules.ticks import find_ticks, get_zone

_SAMPLE_TICK: Final = datetime(2027, 3, 1, tzinfo=UTC)
_LAST_SAMPLE: Final = datetime(2028, 3, 2, tzinfo=UTC)
"""A year with a leap day."""
_SAMPLED_TICKS: Final = 100


def find_recurrence_problems(definition: PipelineDefinition, cron: CronExpressions) -> Iterator[FieldProblem]:
    """Yield the problems of cron expressions, and of a jitter that reaches the next tick."""
    recurrences = [(f"schedules[{index}]", schedule.recurrence) for index, schedule in enumerate(definition.schedules)]
    recurrences += [(f"expect[{index}]", expectation.recurrence) for index, expectation in enumerate(definition.expect)]
    invalid = set()
    for path, recurrence in recurrences:
        if recurrence.cron is not None and (problem := cron.find_problem(recurrence.cron)):
            invalid.add(path)
            yield FieldProblem(f"{path}.cron", problem)
    for index, schedule in enumerate(definition.schedules):
        path = f"schedules[{index}]"
        if schedule.jitter and schedule.recurrence.cron and path not in invalid and (problem := _find_jitter_problem(schedule, cron)):
            yield FieldProblem(f"{path}.jitter", problem)


def find_schedule_parameter_problems(definition: PipelineDefinition, schemas: ParameterSchemas) -> Iterator[FieldProblem]:
    """Yield the problems of the parameters that the schedules give to their runs."""
    for index, schedule in enumerate(definition.schedules):
        parameters = resolve_tick_parameters(schedule.parameters, _SAMPLE_TICK, get_zone(schedule.recurrence))
        for problem in schemas.find_problems(parameters, definition.parameters):
            yield replace(problem, field=f"schedules[{index}].{problem.field}")


def _find_jitter_problem(schedule: ScheduleDefinition, cron: CronExpressions) -> str | None:
    found = islice(find_ticks(schedule.recurrence, _SAMPLE_TICK, cron.iterate), _SAMPLED_TICKS)
    ticks = takewhile(lambda tick: tick < _LAST_SAMPLE, found)
    shortest = min((later - tick for tick, later in pairwise(ticks)), default=None)
    if shortest is None or schedule.jitter < shortest.total_seconds():
        return None
    return f"must be less than {format_duration(shortest.total_seconds())}, the time between two ticks"
