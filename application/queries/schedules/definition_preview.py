"""Compute the next ticks of the schedules of a definition that is being written."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.commands.pipelines.validate_definition import parse_and_validate_definition
from application.ports.system.cron_expressions import CronExpressions
from application.ports.system.parameter_schemas import ParameterSchemas
from application.queries.schedules.preview import PreviewTicks, TickPreview
from domain.schedules.definition import ScheduleDefinition


@dataclass(frozen=True, slots=True)
class SchedulePreview:
    """A schedule and its next ticks, with the jitter that they will have."""

    schedule: ScheduleDefinition
    ticks: Sequence[TickPreview]


@dataclass(frozen=True, slots=True)
class PreviewDefinition:
    """Return the schedules of a definition with their next ticks. Nothing is stored. Raises InvalidInput with every invalid field."""

    schemas: ParameterSchemas
    cron_expressions: CronExpressions
    preview_ticks: PreviewTicks

    async def __call__(self, raw: object, count: int, pipeline_id: int) -> list[SchedulePreview]:
        definition = await parse_and_validate_definition(raw, self.schemas, self.cron_expressions)
        return await self.preview_schedules(definition.schedules, count, pipeline_id)

    async def preview_schedules(self, schedules: Sequence[ScheduleDefinition], count: int, pipeline_id: int) -> list[SchedulePreview]:
        """Return valid schedules with their next ticks."""
        return [SchedulePreview(each, await self.preview_ticks(each, count, pipeline_id=pipeline_id)) for each in schedules]
