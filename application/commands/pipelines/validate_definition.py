"""Parse a pipeline definition and validate its JSON Schemas."""

import asyncio
from dataclasses import replace

from application.ports.system.parameter_schemas import ParameterSchemas
from domain.errors import InvalidInput
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.parsing import parse_definition


async def parse_and_validate_definition(raw: object, schemas: ParameterSchemas) -> PipelineDefinition:
    """Return the definition. Raises InvalidInput with every invalid field; this includes the JSON Schemas.

    Other tasks run between two schemas, since a definition may have hundreds.
    """
    definition = parse_definition(raw)
    problems = list(schemas.find_schema_problems(definition.parameters)) if definition.parameters is not None else []
    for index, stage in enumerate(definition.stages):
        if stage.fields is not None:
            await asyncio.sleep(0)
            found = schemas.find_schema_problems(stage.fields)
            problems += [replace(problem, field=problem.field.replace("parameters", f"stages[{index}].fields", 1)) for problem in found]
    if problems:
        raise InvalidInput(problems)
    return definition
