"""Check a definition that is being written, and compute the next ticks of its schedules."""

from collections.abc import Sequence
from dataclasses import dataclass

from application.commands.pipelines.validate_definition import parse_and_validate_definition
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.cron_expressions import CronExpressions
from application.ports.system.parameter_schemas import ParameterSchemas
from application.queries.schedules.preview import PreviewTicks, TickPreview
from application.services.alerts.rule_sync import find_channel_problems
from domain.concurrency.group import get_group_uses
from domain.concurrency.group_rules import find_group_problems
from domain.errors import InvalidInput
from domain.pipelines.definition import PipelineDefinition
from domain.schedules.definition import ScheduleDefinition


@dataclass(frozen=True, slots=True)
class SchedulePreview:
    """A schedule and its next ticks, with the jitter that they will have."""

    schedule: ScheduleDefinition
    ticks: Sequence[TickPreview]


@dataclass(frozen=True, slots=True)
class DefinitionPreview:
    """A valid definition, and its schedules with their next ticks."""

    definition: PipelineDefinition
    schedules: Sequence[SchedulePreview]


@dataclass(frozen=True, slots=True)
class PreviewDefinition:
    """Return a definition and its schedules with their next ticks. Nothing is stored. Raises InvalidInput with every invalid field.

    `pipeline_id` is None for a new pipeline.
    """

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    cron_expressions: CronExpressions
    preview_ticks: PreviewTicks

    async def __call__(self, raw: object, count: int, pipeline_id: int | None) -> DefinitionPreview:
        definition = await parse_and_validate_definition(raw, self.schemas, self.cron_expressions)
        await self._check_groups(definition, pipeline_id)
        await self._check_channels(definition)
        schedules = [SchedulePreview(each, await self.preview_ticks(each, count, pipeline_id=pipeline_id)) for each in definition.schedules]
        return DefinitionPreview(definition, schedules)

    async def _check_groups(self, definition: PipelineDefinition, pipeline_id: int | None) -> None:
        """Raise InvalidInput if the definition's groups do not fit those of other pipelines."""
        if not get_group_uses(definition):
            return
        async with self.open_unit_of_work() as work:
            groups = await work.concurrency.list_groups()
        if problems := find_group_problems(definition, groups, pipeline_id):
            raise InvalidInput(problems)

    async def _check_channels(self, definition: PipelineDefinition) -> None:
        """Raise InvalidInput if a rule names an unknown channel."""
        if not definition.alerts:
            return
        async with self.open_unit_of_work() as work:
            channels = await work.channels.list_all()
        if problems := find_channel_problems(definition, {channel.name for channel in channels}):
            raise InvalidInput(problems)
