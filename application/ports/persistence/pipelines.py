"""Pipelines in the store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.pipelines.activation import ACTIVE, Activation
from domain.pipelines.applied_file import AppliedFile
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.revision_origin import UNKNOWN_ORIGIN, RevisionOrigin

PipelineRef = int | str
"""A pipeline's integer id, its unique name, or a name that it had before a rename."""


@dataclass(frozen=True, slots=True)
class StoredPipeline:
    """A pipeline with its newest revision. `warnings` are sentences about it, after it was created or changed.

    `applied` is the file that was applied last; None if no folder applied the pipeline.
    """

    id: int
    revision: int
    definition: PipelineDefinition
    created_at: datetime
    updated_at: datetime
    activation: Activation = ACTIVE
    warnings: tuple[str, ...] = ()
    applied: AppliedFile | None = None

    @property
    def paused_at(self) -> datetime | None:
        return self.activation.paused_at

    @property
    def archived_at(self) -> datetime | None:
        return self.activation.archived_at

    @property
    def name(self) -> str:
        return self.definition.name


@dataclass(frozen=True, slots=True)
class StoredRevision:
    """One revision of a pipeline."""

    revision: int
    definition: PipelineDefinition
    created_at: datetime
    origin: RevisionOrigin


class Pipelines(Protocol):
    """Pipelines, except those marked as deleted, which no method finds.

    A pipeline that is renamed is still found by its old name, until another pipeline takes that name.
    """

    async def add(self, definition: PipelineDefinition, now: datetime, origin: RevisionOrigin = UNKNOWN_ORIGIN) -> StoredPipeline:
        """Store a new pipeline as revision 1. Raises NameTaken."""
        ...

    async def find(self, ref: PipelineRef, *, lock: bool = False) -> StoredPipeline | None:
        """Return the pipeline, if there is one. `lock` locks its row until the transaction ends."""
        ...

    async def find_many(self, refs: Collection[PipelineRef]) -> Mapping[PipelineRef, StoredPipeline]:
        """Return the pipelines that exist, by their reference, not locked."""
        ...

    async def revise(
        self, pipeline_id: int, definition: PipelineDefinition, now: datetime, origin: RevisionOrigin = UNKNOWN_ORIGIN
    ) -> StoredPipeline:
        """Add the next revision of a locked pipeline. Raises NameTaken if the definition has the name of another pipeline."""
        ...

    async def find_revision(self, pipeline_id: int, number: int) -> StoredRevision | None:
        """Return a revision with its origin, if there is one of this number."""
        ...

    async def add_source(self, pipeline_id: int, number: int, source: str) -> None:
        """Store the text of a revision of a locked pipeline, which has none so far."""
        ...

    async def set_applied(self, pipeline_id: int, applied: AppliedFile) -> None:
        """Store the file that a locked pipeline was applied from."""
        ...

    async def set_activation(self, pipeline_id: int, activation: Activation) -> None:
        """Store whether a locked pipeline is paused or archived."""
        ...

    async def find_ended_pauses(self, now: datetime, limit: int) -> Sequence[int]:
        """Return the ids of pipelines whose pause has an end that is not after `now`, not locked."""
        ...

    async def mark_deleted(self, pipeline_id: int, now: datetime) -> None:
        """Free the name and the old names of a locked pipeline, which no method finds from then on.

        Forget the stored answers about it, which must not answer for a new pipeline of its name.
        """
        ...

    async def has_tag(self, tag: str) -> bool:
        """Return True if a pipeline that is not archived has the tag."""
        ...

    async def find_expecting(self) -> Sequence[int]:
        """Return the ids of pipelines, except archived ones, whose newest revision has expectations."""
        ...

    async def count(self) -> int: ...
