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
        """Store a new pipeline as revision 1. NameTaken when the name exists."""
        ...

    async def find(self, ref: PipelineRef, *, lock: bool = False) -> StoredPipeline | None:
        """The pipeline, its row locked until the transaction ends when asked; None when there is none."""
        ...

    async def find_many(self, refs: Collection[PipelineRef]) -> Mapping[PipelineRef, StoredPipeline]:
        """Those of the pipelines that exist, by what they were asked for; not locked."""
        ...

    async def revise(self, pipeline_id: int, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        """Add the next revision; the row is locked already. NameTaken when renamed to a name that exists."""
        ...

    async def count(self) -> int: ...
