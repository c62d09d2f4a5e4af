"""The groups of slots while definitions are applied one after the other."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from domain.concurrency.group import Group, GroupUse, GroupUser, get_group_uses
from domain.concurrency.group_changes import replace_group_uses
from domain.concurrency.group_rules import find_group_problems
from domain.errors import FieldProblem, InvalidInput
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.parsing import parse_definition
from entrypoints.cli.client.errors import ApiError
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.definitions.definition_files import DefinitionSource
from entrypoints.definitions.text_positions import add_lines

_FORBIDDEN = 403
JsonObject = Mapping[str, Any]


class PlannedGroups:
    """Finds the definitions whose groups fit those of all other pipelines, also of those that a plan would store.

    Definitions that this release cannot read, and archived pipelines, fit: the server decides about them.
    """

    def __init__(self, groups: Mapping[str, Group], definitions: Mapping[str, PipelineDefinition]) -> None:
        self._groups = groups
        self._definitions = definitions
        self._new_ids: dict[str, int] = {}

    @classmethod
    async def load(cls, client: HeadgateClient, sources: Sequence[DefinitionSource]) -> Self:
        """Read the groups of the server, if a definition uses groups. A caller who may not read them leaves the check to the server."""
        parsed = {source.location: definition for source in sources if (definition := _parse(source)) is not None}
        using = {location: definition for location, definition in parsed.items() if get_group_uses(definition)}
        try:
            groups = await client.get_all("/groups/") if using else []
        except ApiError as error:
            if error.status != _FORBIDDEN:
                raise
            groups, using = [], {}
        return cls({group["name"]: _to_group(group) for group in groups}, parsed if using else {})

    def are_known(self, source: DefinitionSource) -> bool:
        """Return True if `find_problems` compares the definition's groups, so that the server need not."""
        definition = self._definitions.get(source.location)
        return definition is not None and bool(get_group_uses(definition))

    def find_problems(self, source: DefinitionSource, before: JsonObject | None) -> list[FieldProblem]:
        """Return why the definition does not fit, with lines. `before` is the pipeline that it would change."""
        definition = self._definitions.get(source.location)
        if definition is None or (before is not None and before["archived_at"] is not None):
            return []
        problems = find_group_problems(definition, self._groups, before["id"] if before is not None else None)
        return add_lines(source.text.text, problems) if source.text is not None else problems

    def add(self, source: DefinitionSource, before: JsonObject | None) -> None:
        """Note that the definition is stored, or would be."""
        definition = self._definitions.get(source.location)
        if definition is None or (before is not None and before["archived_at"] is not None):
            return
        pipeline_id = before["id"] if before is not None else self._new_ids.setdefault(definition.name, _FIRST_NEW_ID + len(self._new_ids))
        self._groups = replace_group_uses(self._groups, definition, pipeline_id)


_FIRST_NEW_ID = 1 << 63
"""New pipelines come after the stored ones, whose ids are smaller."""


def _parse(source: DefinitionSource) -> PipelineDefinition | None:
    try:
        return parse_definition(source.definition)
    except InvalidInput:
        return None


def _to_group(group: JsonObject) -> Group:
    users = tuple(
        GroupUser(use["pipeline_id"], use["pipeline"], GroupUse(group["name"], use["limit"], use["by_run"], use["stages"]))
        for use in group["pipelines"]
    )
    return Group(group["name"], group["limit"], group["set_by"], users)
