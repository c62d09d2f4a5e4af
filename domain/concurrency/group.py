"""Groups of slots, which several pipelines share, and how pipelines use them."""

from dataclasses import dataclass

from domain.pipelines.definition import PipelineDefinition


@dataclass(frozen=True, slots=True)
class GroupUse:
    """How the newest revision of a pipeline uses a group.

    `limit` is the limit that it gives the group, if any. With `by_run`, its runs hold a slot each; `stages` counts the stages that do.
    """

    group: str
    limit: int | None
    by_run: bool
    stages: int


@dataclass(frozen=True, slots=True)
class GroupUser:
    """A pipeline that uses a group."""

    pipeline_id: int
    pipeline: str
    use: GroupUse


@dataclass(frozen=True, slots=True)
class Group:
    """A group of slots. `limit` is None if it is unlimited; `set_by` is the administrator who set the limit, None if definitions give it.

    `users` are in the order of their ids.
    """

    name: str
    limit: int | None
    set_by: str | None = None
    users: tuple[GroupUser, ...] = ()

    def find_giver(self, besides: int | None = None) -> GroupUser | None:
        """Return the first pipeline whose definition gives the limit, other than the one with this id."""
        return next((user for user in self.users if user.use.limit is not None and user.pipeline_id != besides), None)

    def has_limit_besides(self, pipeline_id: int | None) -> bool:
        """Return True if the group has a limit that does not come from this pipeline's definition alone.

        A limit whose pipelines are archived or changed since then stays until another one is given.
        """
        if self.set_by is not None or self.find_giver(besides=pipeline_id) is not None:
            return True
        return self.limit is not None and self.find_giver() is None


def get_group_uses(definition: PipelineDefinition) -> list[GroupUse]:
    """Return how the definition uses groups, in the order of their names."""
    uses = {limit.group: GroupUse(limit.group, limit.limit, True, 0) for limit in definition.concurrency if limit.group is not None}
    for name in sorted({name for stage in definition.stages for name in stage.uses}):
        uses[name] = GroupUse(name, None, False, sum(name in stage.uses for stage in definition.stages))
    return [uses[name] for name in sorted(uses)]
