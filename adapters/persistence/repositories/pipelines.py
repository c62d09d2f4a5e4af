"""Pipelines and their revisions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg.errors
from sqlalchemy import Executable, Text, any_, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from adapters.persistence.connection.bulk_parameters import is_any_of, is_storable_id
from adapters.persistence.connection.compiled_statements import BoundStatement, CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.tables.pipelines import pipeline, revision
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from domain.errors import NameTaken
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.serialization import serialize_pipeline
from domain.text_validation import find_text_problem

_IS_NAMED = pipeline.c.name == any_(bindparam("names", type_=ARRAY(Text)))
_NAMED = CompiledStatement(select(pipeline).where(is_any_of(pipeline.c.id, "ids")).union_all(select(pipeline).where(_IS_NAMED)))


def _find(by_id: bool, lock: bool) -> CompiledStatement:
    key = pipeline.c.id if by_id else pipeline.c.name
    query = select(pipeline).where(key == bindparam("ref", type_=key.type))
    return CompiledStatement(query.with_for_update(key_share=True) if lock else query)


_FIND = {(by_id, lock): _find(by_id, lock) for by_id in (True, False) for lock in (True, False)}
"""By id or by name, to be locked or not."""


def asked_for(refs: Collection[PipelineRef]) -> BoundStatement:
    """What finds these pipelines."""
    possible = [ref for ref in refs if is_valid_pipeline_ref(ref)]
    return _NAMED, {"ids": [ref for ref in possible if isinstance(ref, int)], "names": [ref for ref in possible if isinstance(ref, str)]}


class SqlPipelines:
    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader) -> None:
        self._transaction = transaction
        self._definitions = definitions

    async def add(self, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        new = insert(pipeline).values(name=definition.name, revision=1, created_at=now, updated_at=now)
        row = await self._naming(new.returning(*pipeline.c), definition.name)
        return await self._add_revision(row, definition, now)

    async def find(self, ref: PipelineRef, *, lock: bool = False) -> StoredPipeline | None:
        if not is_valid_pipeline_ref(ref):
            return None
        (rows,) = await self._transaction.fetch_batch((_FIND[isinstance(ref, int), lock], {"ref": ref}))
        if not rows:
            return None
        (row,) = rows
        # Read after the lock, never joined to it: a join would pair the row another transaction just changed with an old revision.
        definitions = await self._definitions.of([(row.id, row.revision)])
        return _stored(row, definitions[row.id, row.revision])

    async def find_many(self, refs: Collection[PipelineRef]) -> Mapping[PipelineRef, StoredPipeline]:
        if not any(is_valid_pipeline_ref(ref) for ref in refs):
            return {}
        (rows,) = await self._transaction.fetch_batch(asked_for(refs))
        return await self.found(rows, refs)

    async def found(self, rows: Sequence[Any], refs: Collection[PipelineRef]) -> dict[PipelineRef, StoredPipeline]:
        """The pipelines of these rows by what they were asked for by."""
        of = await self._definitions.of((row.id, row.revision) for row in rows)
        stored = [_stored(row, of[row.id, row.revision]) for row in rows]
        by_ref: dict[PipelineRef, StoredPipeline] = {one.id: one for one in stored}
        by_ref |= {row.name: one for row, one in zip(rows, stored, strict=True)}
        return {ref: by_ref[ref] for ref in refs if ref in by_ref}

    async def revise(self, pipeline_id: int, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        change = update(pipeline).where(pipeline.c.id == pipeline_id)
        change = change.values(name=definition.name, revision=pipeline.c.revision + 1, updated_at=now)
        row = await self._naming(change.returning(*pipeline.c), definition.name)
        return await self._add_revision(row, definition, now)

    async def count(self) -> int:
        return int((await self._transaction.execute(select(func.count()).select_from(pipeline))).scalar_one())

    async def _naming(self, statement: Executable, name: str) -> Row[Any]:
        """The one row that the statement writes. NameTaken when another pipeline has its name."""
        try:
            return (await self._transaction.execute(statement)).one()
        except IntegrityError as error:
            if isinstance(error.orig, psycopg.errors.UniqueViolation) and error.orig.diag.constraint_name == "uq_pipeline_name":
                raise NameTaken(name) from error
            raise

    async def _add_revision(self, row: Row[Any], definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        written = serialize_pipeline(definition)
        await self._transaction.execute(
            insert(revision).values(pipeline_id=row.id, revision=row.revision, definition=written, created_at=now)
        )
        self._definitions.remember((row.id, row.revision), definition)
        return _stored(row, definition)


def is_valid_pipeline_ref(ref: PipelineRef) -> bool:
    """False for what no pipeline can be called, and the database would refuse to look for."""
    return is_storable_id(ref) if isinstance(ref, int) else find_text_problem(ref, 100) is None


def _stored(row: Row[Any], definition: PipelineDefinition) -> StoredPipeline:
    return StoredPipeline(row.id, row.revision, definition, row.created_at, row.updated_at)
