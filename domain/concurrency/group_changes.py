"""How groups change when a definition is stored."""

from collections.abc import Mapping
from dataclasses import replace

from domain.concurrency.group import Group, GroupUser, get_group_uses
from domain.pipelines.definition import PipelineDefinition


def replace_group_uses(groups: Mapping[str, Group], definition: PipelineDefinition, pipeline_id: int) -> dict[str, Group]:
    """Return the groups as they are after the definition of a pipeline was stored, with the limits that it gives."""
    changed = {
        name: replace(group, users=tuple(user for user in group.users if user.pipeline_id != pipeline_id)) for name, group in groups.items()
    }
    for use in get_group_uses(definition):
        group = changed.get(use.group) or Group(use.group, None)
        users = (*group.users, GroupUser(pipeline_id, definition.name, use))
        limit = group.limit if use.limit is None else use.limit
        changed[use.group] = replace(group, limit=limit, users=tuple(sorted(users, key=lambda user: user.pipeline_id)))
    return changed
