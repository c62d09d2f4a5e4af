"""Pipelines in the store."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.pipelines.definition import PipelineDefinition

PipelineRef = int | str
"""A pipeline's integer id or its unique name."""


@dataclass(frozen=True, slots=True)
class StoredPipeline:
    """A pipeline with its newest revision."""

    id: int
    revision: int
    definition: PipelineDefinition
    created_at: datetime
    updated_at: datetime

    @property
    def name(self) -> str:
        return self.definition.name


class Pipelines(Protocol):
    async def add(self, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        """Store a new pipeline as revision 1. Raises NameTaken."""
        ...

    async def find(self, ref: PipelineRef, *, lock: bool = False) -> StoredPipeline | None:
        """Return the pipeline, if there is one. `lock` locks its row until the transaction ends."""
        ...

    async def find_many(self, refs: Collection[PipelineRef]) -> Mapping[PipelineRef, StoredPipeline]:
        """Return the pipelines that exist, by their reference, not locked."""
        ...

    async def revise(self, pipeline_id: int, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        """Add the next revision of a locked pipeline. Raises NameTaken if the definition has the name of another pipeline."""
        ...

    async def count(self) -> int: ...
