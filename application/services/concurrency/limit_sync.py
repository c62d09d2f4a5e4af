"""Keep the stored limits of a pipeline, and its uses of groups, equal to those that its newest revision defines.

The pipeline is locked or new. Limits of active runs change at once.
"""

from collections.abc import Sequence
from datetime import datetime

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.concurrency.bucket import get_limit_name
from domain.concurrency.group import GroupUse, get_group_uses
from domain.concurrency.group_rules import find_group_problems
from domain.errors import InvalidInput
from domain.pipelines.definition import PipelineDefinition
from domain.site_events import SiteEvent, SiteEventType


async def update_limits(
    work: UnitOfWork,
    before: PipelineDefinition | None,
    after: StoredPipeline,
    now: datetime,
    actor: str | None,
    are_groups_checked: bool = True,
) -> bool:
    """Store the limits of a new revision; `before` is None for a new pipeline. Return True if runs that wait may start by it.

    A pipeline without limits, now and before, costs no statement. Raises InvalidInput if the definition's groups do not fit those of
    other pipelines, unless they are not checked.
    """
    had_own, has_own = _get_own_limits(after.id, before), _get_own_limits(after.id, after.definition)
    if had_own != has_own:
        await work.concurrency.set_limits(after.id, has_own, now)
    had_uses = get_group_uses(before) if before is not None else []
    has_uses = get_group_uses(after.definition)
    if (had_uses or has_uses) and not after.activation.is_archived:
        await _store_uses(work, after, has_uses, now, actor, are_groups_checked)
    return had_uses != has_uses or had_own != has_own


async def follow_archiving(work: UnitOfWork, pipeline: StoredPipeline, now: datetime, actor: str | None) -> None:
    """Remove the uses of groups of a pipeline that was archived, or store them again if it is not archived any more.

    Its own limits stay, since its active runs continue. Raises InvalidInput as `update_limits` does.
    """
    uses = get_group_uses(pipeline.definition)
    if uses and pipeline.activation.is_archived:
        await work.concurrency.lock_groups()
        await work.concurrency.set_uses(pipeline.id, [])
    elif uses:
        await _store_uses(work, pipeline, uses, now, actor)


async def _store_uses(
    work: UnitOfWork, pipeline: StoredPipeline, uses: Sequence[GroupUse], now: datetime, actor: str | None, are_groups_checked: bool = True
) -> None:
    groups = await work.concurrency.lock_groups()
    if are_groups_checked and (problems := find_group_problems(pipeline.definition, groups, pipeline.id)):
        raise InvalidInput(problems)
    await work.concurrency.set_uses(pipeline.id, uses)
    limits = {name: group.limit for name, group in groups.items()}
    changed = [use for use in uses if use.limit is not None and use.limit != limits.get(use.group)]
    for use in changed:
        await work.concurrency.set_group_limit(use.group, use.limit, None, now)
    if changed:
        data = [{"name": use.group, "limit": use.limit} for use in changed]
        await work.site_events.add([SiteEvent(SiteEventType.GROUP_CHANGED, now, actor=actor, data=each) for each in data])


def _get_own_limits(pipeline_id: int, definition: PipelineDefinition | None) -> dict[str, int]:
    """Return the limits of the pipeline's own runs by name."""
    limits = definition.concurrency if definition is not None else ()
    return {get_limit_name(pipeline_id, each): each.limit for each in limits if each.group is None and each.limit is not None}
