"""Stores pipelines and their revisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg.errors
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from adapters.persistence.connection.bulk_parameters import is_any_of, is_storable_id
from adapters.persistence.connection.compiled_statements import BoundStatement, CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.tables.answers import idempotency
from adapters.persistence.tables.pipelines import HAS_EXPECTATIONS, NOT_DELETED, pipeline, pipeline_alias, revision
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline, StoredRevision
from domain.errors import NameTaken
from domain.pipelines.activation import ACTIVE, Activation
from domain.pipelines.applied_file import AppliedFile, DefinitionFile
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.revision_origin import UNKNOWN_ORIGIN, RevisionOrigin
from domain.pipelines.serialization import serialize_pipeline
from domain.text_validation import find_text_problem

_ACTIVATION = ("paused_at", "paused_by", "paused_until", "archived_at", "archived_by")
_PIPELINES = select(pipeline).where(NOT_DELETED)
_NAMES = any_(bindparam("names", type_=ARRAY(Text)))
_FIND_MANY = CompiledStatement(_PIPELINES.where(is_any_of(pipeline.c.id, "ids")).union_all(_PIPELINES.where(pipeline.c.name == _NAMES)))
_FIND_BY_ALIASES = CompiledStatement(
    select(pipeline, pipeline_alias.c.name.label("alias"))
    .join(pipeline_alias, pipeline_alias.c.pipeline_id == pipeline.c.id)
    .where(NOT_DELETED, pipeline_alias.c.name == _NAMES)
)


def _build_find(by_id: bool, lock: bool) -> CompiledStatement:
    key = pipeline.c.id if by_id else pipeline.c.name
    query = _PIPELINES.where(key == bindparam("ref", type_=key.type))
    return CompiledStatement(query.with_for_update(key_share=True) if lock else query)


_FIND_ONE = {(by_id, lock): _build_find(by_id, lock) for by_id in (True, False) for lock in (True, False)}
"""Find one pipeline by id or by name, with or without a lock: {(by_id, lock): statement}."""


class SqlPipelines:
    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader) -> None:
        self._transaction = transaction
        self._definitions = definitions

    async def add(self, definition: PipelineDefinition, now: datetime, origin: RevisionOrigin = UNKNOWN_ORIGIN) -> StoredPipeline:
        new = insert(pipeline).values(name=definition.name, revision=1, created_at=now, updated_at=now)
        row = await self._execute_named(new.returning(*pipeline.c), definition.name)
        await self._transaction.execute(delete(pipeline_alias).where(pipeline_alias.c.name == definition.name))
        return await self._add_revision(row, definition, now, origin)

    async def find(self, ref: PipelineRef, *, lock: bool = False) -> StoredPipeline | None:
        if not is_valid_pipeline_ref(ref):
            return None
        (rows,) = await self._transaction.fetch_batch((_FIND_ONE[isinstance(ref, int), lock], {"ref": ref}))
        if not rows:
            return await self._find_by_alias(ref, lock) if isinstance(ref, str) else None
        (row,) = rows
        # Read after the lock. A join would pair a row that another transaction just changed with an old revision.
        definitions = await self._definitions.load([(row.id, row.revision)])
        return to_pipeline(row, definitions[row.id, row.revision])

    async def _find_by_alias(self, name: str, lock: bool) -> StoredPipeline | None:
        """Return the pipeline that had the name before it was renamed."""
        (rows,) = await self._transaction.fetch_batch((_FIND_BY_ALIASES, {"names": [name]}))
        return await self.find(rows[0].id, lock=lock) if rows else None

    async def find_many(self, refs: Collection[PipelineRef]) -> Mapping[PipelineRef, StoredPipeline]:
        if not any(is_valid_pipeline_ref(ref) for ref in refs):
            return {}
        (rows,) = await self._transaction.fetch_batch(self.bind_find_many(refs))
        return await self.build_pipelines(rows, refs)

    def bind_find_many(self, refs: Collection[PipelineRef]) -> BoundStatement:
        valid = [ref for ref in refs if is_valid_pipeline_ref(ref)]
        ids, names = [ref for ref in valid if isinstance(ref, int)], [ref for ref in valid if isinstance(ref, str)]
        return _FIND_MANY, {"ids": ids, "names": names}

    async def build_pipelines(self, rows: Sequence[Any], refs: Collection[PipelineRef]) -> dict[PipelineRef, StoredPipeline]:
        """Return the pipelines of these rows by the refs, which are ids or names. Names that no row has are looked up as old names."""
        by_name = {row.name: row for row in rows}
        missing = [ref for ref in refs if isinstance(ref, str) and ref not in by_name and is_valid_pipeline_ref(ref)]
        if missing:
            (renamed,) = await self._transaction.fetch_batch((_FIND_BY_ALIASES, {"names": missing}))
            by_name |= {row.alias: row for row in renamed}
        by_ref: dict[PipelineRef, Any] = {row.id: row for row in rows} | by_name
        definitions = await self._definitions.load((row.id, row.revision) for row in by_ref.values())
        found = {id: to_pipeline(row, definitions[id, row.revision]) for id, row in {row.id: row for row in by_ref.values()}.items()}
        return {ref: found[by_ref[ref].id] for ref in refs if ref in by_ref}

    async def revise(
        self, pipeline_id: int, definition: PipelineDefinition, now: datetime, origin: RevisionOrigin = UNKNOWN_ORIGIN
    ) -> StoredPipeline:
        change = update(pipeline).where(pipeline.c.id == pipeline_id)
        change = change.values(name=definition.name, revision=pipeline.c.revision + 1, updated_at=now)
        old_name = (await self._transaction.execute(select(pipeline.c.name).where(pipeline.c.id == pipeline_id))).scalar_one()
        row = await self._execute_named(change.returning(*pipeline.c), definition.name)
        if definition.name != old_name:
            await self._transaction.execute(delete(pipeline_alias).where(pipeline_alias.c.name == definition.name))
            await self._transaction.execute(insert(pipeline_alias).values(name=old_name, pipeline_id=pipeline_id))
        return await self._add_revision(row, definition, now, origin)

    async def find_revision(self, pipeline_id: int, number: int) -> StoredRevision | None:
        columns = revision.c.created_at, revision.c.source, revision.c.created_by, revision.c.restored_from
        row = (await self._transaction.execute(select(*columns).where(_is_revision(pipeline_id, number)))).one_or_none()
        if row is None:
            return None
        definitions = await self._definitions.load([(pipeline_id, number)])
        origin = RevisionOrigin(row.source, row.created_by, row.restored_from)
        return StoredRevision(number, definitions[pipeline_id, number], row.created_at, origin)

    async def add_source(self, pipeline_id: int, number: int, source: str) -> None:
        await self._transaction.execute(update(revision).where(_is_revision(pipeline_id, number)).values(source=source))

    async def set_applied(self, pipeline_id: int, applied: AppliedFile) -> None:
        values = {"source": applied.file.source, "source_file": applied.file.path, "source_revision": applied.revision}
        await self._transaction.execute(update(pipeline).where(pipeline.c.id == pipeline_id).values(**values))

    async def set_activation(self, pipeline_id: int, activation: Activation) -> None:
        values = {name: getattr(activation, name) for name in _ACTIVATION}
        await self._transaction.execute(
            update(pipeline).where(pipeline.c.id == pipeline_id).values(activation_changes=activation.changes, **values)
        )

    async def find_ended_pauses(self, now: datetime, limit: int) -> Sequence[int]:
        is_over = pipeline.c.paused_until <= now
        query = select(pipeline.c.id).where(is_over, NOT_DELETED).order_by(pipeline.c.paused_until, pipeline.c.id).limit(limit)
        return (await self._transaction.execute(query)).scalars().all()

    async def mark_deleted(self, pipeline_id: int, now: datetime) -> None:
        await self._transaction.execute(delete(pipeline_alias).where(pipeline_alias.c.pipeline_id == pipeline_id))
        await self._transaction.execute(delete(idempotency).where(_is_answer_about(pipeline_id)))
        name = pipeline.c.name.concat(f" (deleted {pipeline_id})")
        await self._transaction.execute(
            update(pipeline).where(pipeline.c.id == pipeline_id).values(name=name, deleting_at=now, paused_until=None)
        )

    async def has_tag(self, tag: str) -> bool:
        newest = (revision.c.pipeline_id == pipeline.c.id) & (revision.c.revision == pipeline.c.revision)
        tags = func.coalesce(cast(revision.c.definition["tags"], JSONB), cast(literal("[]"), JSONB))
        query = select(pipeline.c.id).join(revision, newest).where(NOT_DELETED, pipeline.c.archived_at.is_(None), tags.has_key(tag))
        return (await self._transaction.execute(query.limit(1))).first() is not None

    async def find_expecting(self) -> Sequence[int]:
        newest = (revision.c.pipeline_id == pipeline.c.id) & (revision.c.revision == pipeline.c.revision)
        query = select(pipeline.c.id).join(revision, newest).where(NOT_DELETED, pipeline.c.archived_at.is_(None), text(HAS_EXPECTATIONS))
        return [row.id for row in await self._transaction.execute(query.order_by(pipeline.c.id))]

    async def count(self) -> int:
        return int((await self._transaction.execute(select(func.count()).select_from(pipeline).where(NOT_DELETED))).scalar_one())

    async def _execute_named(self, statement: Executable, name: str) -> Row[Any]:
        """Return the row that the statement writes. Raise NameTaken if another pipeline has the name."""
        try:
            return (await self._transaction.execute(statement)).one()
        except IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.UniqueViolation) and error.orig.diag.constraint_name == "uq_pipeline_name":
                raise NameTaken(name) from error
            raise

    async def _add_revision(self, row: Row[Any], definition: PipelineDefinition, now: datetime, origin: RevisionOrigin) -> StoredPipeline:
        new = insert(revision).values(pipeline_id=row.id, revision=row.revision, definition=serialize_pipeline(definition), created_at=now)
        await self._transaction.execute(new.values(source=origin.source, created_by=origin.created_by, restored_from=origin.restored_from))
        self._definitions.remember((row.id, row.revision), definition)
        return to_pipeline(row, definition)


def _is_revision(pipeline_id: int, number: int) -> ColumnElement[bool]:
    return (revision.c.pipeline_id == pipeline_id) & (revision.c.revision == literal(number, BigInteger))


def _is_answer_about(pipeline_id: int) -> ColumnElement[bool]:
    """Return the condition of stored answers about the pipeline and its runs, which must not answer for a new pipeline of its name."""
    creates = idempotency.c.answer.contains({"id": pipeline_id}) & idempotency.c.answer.has_key("definition")
    is_about: ColumnElement[bool] = idempotency.c.answer.contains({"pipeline_id": pipeline_id}) | creates
    return is_about


def is_valid_pipeline_ref(ref: PipelineRef) -> bool:
    """Return False for refs that no pipeline can have and that PostgreSQL would reject as parameters."""
    return is_storable_id(ref) if isinstance(ref, int) else find_text_problem(ref, 100) is None


def to_pipeline(row: Any, definition: PipelineDefinition) -> StoredPipeline:
    times = row.created_at, row.updated_at
    return StoredPipeline(row.id, row.revision, definition, *times, to_activation(row), applied=to_applied_file(row))


def to_applied_file(row: Any) -> AppliedFile | None:
    """Return the file that the pipeline of this row was applied from; None if no folder applied it."""
    return AppliedFile(DefinitionFile(row.source, row.source_file), row.source_revision) if row.source is not None else None


def to_activation(row: Any) -> Activation:
    """Return whether the pipeline of this row is paused or archived."""
    if row.activation_changes == 0:
        return ACTIVE
    return Activation(row.paused_at, row.paused_by, row.paused_until, row.archived_at, row.archived_by, row.activation_changes)
