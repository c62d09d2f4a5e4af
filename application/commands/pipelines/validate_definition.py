"""Parse a pipeline definition, and validate its JSON Schemas and cron expressions."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from application.commands.pipelines.validate_schedules import find_recurrence_problems, find_schedule_parameter_problems
from application.ports.system.cron_expressions import CronExpressions
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.errors import InvalidInput
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.parsing import parse_definition

LARGE_DEFINITION: Final = 1_000
"""More values take longer to read than a thread takes over."""
CHARACTERS_PER_VALUE: Final = 200


async def parse_and_validate_definition(raw: object, schemas: ParameterSchemas, cron: CronExpressions) -> PipelineDefinition:
    """Return the definition. Raises InvalidInput with every invalid field; this includes JSON Schemas and cron expressions.

    A large definition, and one whose ticks have to be computed, is read in a thread, so that other tasks run meanwhile.
    """
    if _has_at_most(LARGE_DEFINITION, raw) and not _has_ticks(raw):
        return validate_definition(raw, schemas, cron)
    return await asyncio.to_thread(validate_definition, raw, schemas, cron)


def validate_definition(raw: object, schemas: ParameterSchemas, cron: CronExpressions) -> PipelineDefinition:
    """Return the definition, as `parse_and_validate_definition` does, without a thread."""
    definition = parse_definition(raw)
    problems = list(schemas.find_schema_problems(definition.parameters)) if definition.parameters is not None else []
    for index, stage in enumerate(definition.stages):
        if stage.fields is not None:
            found = schemas.find_schema_problems(stage.fields)
            problems += [replace(problem, field=problem.field.replace("parameters", f"stages[{index}].fields", 1)) for problem in found]
    problems += find_recurrence_problems(definition, cron)
    if not problems:
        problems += find_schedule_parameter_problems(definition, schemas)
    if problems:
        raise InvalidInput(problems)
    return definition


def _has_ticks(raw: object) -> bool:
    return isinstance(raw, Mapping) and bool(raw.get("schedules") or raw.get("expect"))


def _has_at_most(limit: int, value: object) -> bool:
    """Return whether a JSON value consists of at most `limit` values, and of few characters. It looks at no more of them."""
    remaining, waiting = limit, [value]
    while waiting:
        part = waiting.pop()
        remaining -= 1 + (len(part) // CHARACTERS_PER_VALUE if isinstance(part, str) else 0)
        if isinstance(part, Mapping | list):
            remaining -= len(part)
            if remaining < 0:
                return False
            waiting += part.values() if isinstance(part, Mapping) else part
    return remaining >= 0
