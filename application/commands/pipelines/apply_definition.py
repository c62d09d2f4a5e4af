"""Apply a definition from a file: create the pipeline, or change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from application.commands.pipelines.change_pipeline import ChangePipeline
from application.commands.pipelines.create_pipeline import CreatePipeline
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.access.actor import Actor
from domain.errors import InvalidInput, NameTaken
from domain.pipelines.applied_file import DefinitionFile


class AppliedDefinition(NamedTuple):
    """The pipeline after its definition was applied."""

    pipeline: StoredPipeline
    is_created: bool
    is_changed: bool


@dataclass(frozen=True, slots=True)
class ApplyDefinition:
    """Create the pipeline that a definition names, or change it. Applying an equal definition stores nothing.

    Raises InvalidInput, also for the old name of a pipeline, and the other errors of CreatePipeline and ChangePipeline.
    """

    open_unit_of_work: OpenUnitOfWork
    create_pipeline: CreatePipeline
    change_pipeline: ChangePipeline

    async def __call__(self, raw: Mapping[str, Any], file: DefinitionFile, source: str | None, actor: Actor) -> AppliedDefinition:
        """`source` is the text of which `raw` was read."""
        name = raw.get("name")
        before = await self._find(name)
        if before is None:
            try:
                created = await self.create_pipeline(raw, actor=actor, source=source, file=file)
            except NameTaken:
                before = await self._find(name)  # another process that applies the same folder has created it meanwhile
                if before is None:
                    raise
            else:
                return AppliedDefinition(created, is_created=True, is_changed=True)
        if before.name != name:
            raise InvalidInput.for_field("name", f"{name} is the old name of {before.name}; change it in the file")
        changed = await self.change_pipeline(before.id, raw, actor=actor, source=source, file=file)
        return AppliedDefinition(changed, is_created=False, is_changed=changed.revision != before.revision)

    async def _find(self, name: object) -> StoredPipeline | None:
        async with self.open_unit_of_work() as work:
            return await work.pipelines.find(name) if isinstance(name, str) else None
