"""The rules that the groups of a definition must keep towards those of all other pipelines."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from domain.concurrency.group import Group, get_group_uses
from domain.errors import FieldProblem
from domain.name_lists import format_names, format_path
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.graph import find_cycle

_NO_LIMIT = "which has no limit: set one under concurrency in a pipeline, or as an admin"


def find_group_problems(definition: PipelineDefinition, groups: Mapping[str, Group], pipeline_id: int | None) -> list[FieldProblem]:
    """Return why the definition cannot be stored beside the other pipelines. `pipeline_id` is None for a new pipeline."""
    problems = [*_find_limit_problems(definition, groups, pipeline_id), *_find_unlimited_uses(definition, groups, pipeline_id)]
    return problems or list(_find_deadlock(definition, groups, pipeline_id))


def _find_limit_problems(definition: PipelineDefinition, groups: Mapping[str, Group], pipeline_id: int | None) -> Iterator[FieldProblem]:
    for index, limit in enumerate(definition.concurrency):
        if limit.group is None:
            continue
        group = groups.get(limit.group) or Group(limit.group, None)
        field = f"concurrency[{index}].limit"
        giver = group.find_giver(besides=pipeline_id)
        if limit.limit is None:
            if not group.has_limit_besides(pipeline_id):
                yield FieldProblem(field, f"is required: the group {group.name} has no other limit")
        elif group.set_by is not None:
            yield FieldProblem(field, f"must be removed: {group.set_by} set the limit of the group {group.name} to {group.limit}")
        elif giver is not None and giver.use.limit != limit.limit:
            yield FieldProblem(field, f"must be {giver.use.limit}, the limit of the group {group.name} in pipeline {giver.pipeline}")


def _find_unlimited_uses(definition: PipelineDefinition, groups: Mapping[str, Group], pipeline_id: int | None) -> Iterator[FieldProblem]:
    for index, stage in enumerate(definition.stages):
        for name in stage.uses:
            group = groups.get(name)
            if group is None or not group.has_limit_besides(pipeline_id):
                yield FieldProblem(f"stages[{index}].uses", f"names the group {name}, {_NO_LIMIT}")


def _find_deadlock(definition: PipelineDefinition, groups: Mapping[str, Group], pipeline_id: int | None) -> Iterator[FieldProblem]:
    """Yield a problem if runs could wait for each other forever: each holds a slot of a group while its stage waits for the next one."""
    awaited = _collect_waits(definition, groups, pipeline_id)
    cycle = find_cycle({holder: sorted(users) for holder, users in awaited.items()})
    pipelines = list(dict.fromkeys(awaited[holder][user] for holder, user in pairwise(cycle)))
    if definition.name not in pipelines:
        return
    index = next((index for index, stage in enumerate(definition.stages) if set(stage.uses) & set(cycle)), 0)
    message = f"makes runs of {format_names(pipelines)} wait for each other forever: {format_path(cycle)}"
    yield FieldProblem(f"stages[{index}].uses", f"{message}; each holds a slot of one group while a stage waits for the next")


def _collect_waits(definition: PipelineDefinition, groups: Mapping[str, Group], pipeline_id: int | None) -> dict[str, dict[str, str]]:
    """Return, for each group that runs hold, the groups that their stages wait for, each with the name of such a pipeline."""
    held, used = dict[str, set[str]](), dict[str, set[str]]()
    for user in (user for group in groups.values() for user in group.users if user.pipeline_id != pipeline_id):
        (held if user.use.by_run else used).setdefault(user.pipeline, set()).add(user.use.group)
    for use in get_group_uses(definition):
        (held if use.by_run else used).setdefault(definition.name, set()).add(use.group)
    waits: dict[str, dict[str, str]] = {}
    for pipeline in sorted(held.keys() & used.keys(), key=lambda name: (name != definition.name, name)):
        for group in sorted(held[pipeline]):
            for name in sorted(used[pipeline]):
                waits.setdefault(group, {}).setdefault(name, pipeline)
    return waits
