"""Keep the channels that a pipeline uses equal to those that the rules of its newest revision name. The pipeline is locked or new."""

from collections.abc import Collection

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.alerts.channel import describe_unknown_channel
from domain.errors import FieldProblem, InvalidInput
from domain.pipelines.definition import PipelineDefinition


async def update_rules(work: UnitOfWork, before: PipelineDefinition | None, after: StoredPipeline) -> bool:
    """Store the channels that a new revision uses; `before` is None for a new pipeline. Return True if its rules changed.

    A pipeline whose rules do not change costs no statement. Raises InvalidInput if a rule names an unknown channel. The incidents of
    removed rules are closed by the judge, which reads of the change in the feed.
    """
    rules = after.definition.alerts
    if rules == (before.alerts if before is not None else ()):
        return False
    if problems := find_channel_problems(after.definition, await work.channels.lock_names()):
        raise InvalidInput(problems)
    await work.channels.set_uses(after.id, {channel for rule in rules for channel in rule.channels})
    return True


def find_channel_problems(definition: PipelineDefinition, known: Collection[str]) -> list[FieldProblem]:
    """Return a problem for each channel of the definition's rules that does not exist."""
    return [
        FieldProblem(f"alerts[{index}].to[{position}]", describe_unknown_channel(target.channel, known))
        for index, rule in enumerate(definition.alerts)
        for position, target in enumerate(rule.to)
        if target.channel not in known
    ]
