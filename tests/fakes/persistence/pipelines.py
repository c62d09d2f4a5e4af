"""Pipelines and their revisions in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from application.ports.persistence.pipelines import PipelineRef, StoredPipeline, StoredRevision
from domain.errors import NameTaken
from domain.pipelines.activation import Activation
from domain.pipelines.applied_file import AppliedFile
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.revision_origin import UNKNOWN_ORIGIN, RevisionOrigin
from tests.fakes.persistence import values
from tests.fakes.persistence.frozen_json import freeze
from tests.fakes.persistence.store import PipelineRow
from tests.fakes.persistence.transaction import Transaction


class FakePipelines:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, definition: PipelineDefinition, now: datetime, origin: RevisionOrigin = UNKNOWN_ORIGIN) -> StoredPipeline:
        tx = await self._transaction.begin_statement()
        _check(tx, definition, origin)
        await self._reserve(definition.name, None)
        row = PipelineRow(tx.store.next_id("pipeline"), definition.name, 1, now, now)
        await tx.lock("pipeline", row.id)
        self._transaction.aliases.pop(definition.name, None)
        return self._put(row, definition, origin)

    async def find(self, ref: PipelineRef, *, lock: bool = False) -> StoredPipeline | None:
        tx = await self._transaction.begin_statement()
        row = self._row(ref)
        if row is None:
            return None
        if lock:
            await tx.lock("pipeline", row.id)
            row = self._row(ref)
        return self._stored(row) if row is not None else None

    async def find_many(self, refs: Collection[PipelineRef]) -> Mapping[PipelineRef, StoredPipeline]:
        await self._transaction.begin_statement()
        return {ref: self._stored(row) for ref in refs if (row := self._row(ref)) is not None}

    async def revise(
        self, pipeline_id: int, definition: PipelineDefinition, now: datetime, origin: RevisionOrigin = UNKNOWN_ORIGIN
    ) -> StoredPipeline:
        tx = await self._transaction.begin_statement()
        tx.require_lock("pipeline", pipeline_id)
        _check(tx, definition, origin)
        await self._reserve(definition.name, pipeline_id)
        row = tx.pipelines[pipeline_id]
        if row.name != definition.name:
            await tx.lock("pipeline name", row.name)
            tx.aliases.pop(definition.name, None)
            tx.aliases[row.name] = pipeline_id
        return self._put(replace(row, name=definition.name, revision=row.revision + 1, updated_at=now), definition, origin)

    async def find_revision(self, pipeline_id: int, number: int) -> StoredRevision | None:
        tx = await self._transaction.begin_statement()
        key = (pipeline_id, number)
        if key not in tx.revisions:
            return None
        return StoredRevision(number, tx.revisions[key], tx.revised_at[key], tx.origins.get(key, UNKNOWN_ORIGIN))

    async def add_source(self, pipeline_id: int, number: int, source: str) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("pipeline", pipeline_id)
        tx.origins[pipeline_id, number] = replace(tx.origins.get((pipeline_id, number), UNKNOWN_ORIGIN), source=source)

    async def set_applied(self, pipeline_id: int, applied: AppliedFile) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("pipeline", pipeline_id)
        tx.pipelines[pipeline_id] = replace(tx.pipelines[pipeline_id], applied=applied)

    async def set_activation(self, pipeline_id: int, activation: Activation) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("pipeline", pipeline_id)
        tx.pipelines[pipeline_id] = replace(tx.pipelines[pipeline_id], activation=activation)

    async def find_ended_pauses(self, now: datetime, limit: int) -> Sequence[int]:
        tx = await self._transaction.begin_statement()
        ends = [(row.activation.paused_until, row.id) for row in tx.pipelines.values() if row.deleting_at is None]
        return [id for _, id in sorted((until, id) for until, id in ends if until is not None and until <= now)][:limit]

    async def mark_deleted(self, pipeline_id: int, now: datetime) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("pipeline", pipeline_id)
        for name in [name for name, owner in tx.aliases.items() if owner == pipeline_id]:
            del tx.aliases[name]
        for key in [key for key, stored in tx.answers.items() if _is_about(stored.answer, pipeline_id)]:
            del tx.answers[key]
        row = tx.pipelines[pipeline_id]
        name = f"{row.name} (deleted {pipeline_id})"
        activation = replace(row.activation, paused_until=None)
        tx.pipelines[pipeline_id] = replace(row, name=name, deleting_at=now, activation=activation)

    async def has_tag(self, tag: str) -> bool:
        tx = await self._transaction.begin_statement()
        rows = [row for row in tx.pipelines.values() if row.deleting_at is None and row.activation.archived_at is None]
        return any(tag in tx.revisions[row.id, row.revision].tags for row in rows)

    async def find_expecting(self) -> Sequence[int]:
        tx = await self._transaction.begin_statement()
        rows = [row for _, row in sorted(tx.pipelines.items()) if row.deleting_at is None and row.activation.archived_at is None]
        return [row.id for row in rows if tx.revisions[row.id, row.revision].expect]

    async def count(self) -> int:
        tx = await self._transaction.begin_statement()
        return sum(row.deleting_at is None for row in tx.pipelines.values())

    async def _reserve(self, name: str, owner: int | None) -> None:
        """Act as a unique index: an insert of the same name waits for the first transaction, then fails."""
        await self._transaction.lock("pipeline name", name)
        if any(row.name == name and row.id != owner for row in self._transaction.pipelines.values()):
            raise self._transaction.abort(NameTaken(name))

    def _row(self, ref: PipelineRef) -> PipelineRow | None:
        rows = self._transaction.pipelines
        if isinstance(ref, str):
            values.text(ref)
            ref = next((row.id for row in rows.values() if row.name == ref), self._transaction.aliases.get(ref, 0))
        row = rows.get(ref)
        return row if row is not None and row.deleting_at is None else None

    def _put(self, row: PipelineRow, definition: PipelineDefinition, origin: RevisionOrigin) -> StoredPipeline:
        self._transaction.pipelines[row.id] = row
        self._transaction.revisions[row.id, row.revision] = freeze(definition)
        self._transaction.revised_at[row.id, row.revision] = row.updated_at
        self._transaction.origins[row.id, row.revision] = origin
        return self._stored(row)

    def _stored(self, row: PipelineRow) -> StoredPipeline:
        definition = self._transaction.revisions[row.id, row.revision]
        return StoredPipeline(row.id, row.revision, definition, row.created_at, row.updated_at, row.activation, applied=row.applied)


def _is_about(answer: Any, pipeline_id: int) -> bool:
    if not isinstance(answer, dict):
        return False
    return answer.get("pipeline_id") == pipeline_id or (answer.get("id") == pipeline_id and "definition" in answer)


def _check(tx: Transaction, definition: PipelineDefinition, origin: RevisionOrigin) -> None:
    try:
        for word in (definition.name, definition.description, definition.pool, origin.source or "", origin.created_by or ""):
            values.text(word)
        values.document(definition.parameters)
        for stage in definition.stages:
            values.document([stage.name, stage.needs, stage.command, stage.callable, dict(stage.env), stage.workdir, stage.python])
    except values.RowRejected as error:
        raise tx.abort(error) from None
