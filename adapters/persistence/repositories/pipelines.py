"""Stores pipelines and their revisions."""

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

_HAS_NAME = pipeline.c.name == any_(bindparam("names", type_=ARRAY(Text)))
_FIND_MANY = CompiledStatement(select(pipeline).where(is_any_of(pipeline.c.id, "ids")).union_all(select(pipeline).where(_HAS_NAME)))


def _build_find(by_id: bool, lock: bool) -> CompiledStatement:
    key = pipeline.c.id if by_id else pipeline.c.name
    query = select(pipeline).where(key == bindparam("ref", type_=key.type))
    return CompiledStatement(query.with_for_update(key_share=True) if lock else query)


_FIND_ONE = {(by_id, lock): _build_find(by_id, lock) for by_id in (True, False) for lock in (True, False)}
"""Find one pipeline by id or by name, with or without a lock: {(by_id, lock): statement}."""


class SqlPipelines:
    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader) -> None:
        self._transaction = transaction
        self._definitions = definitions

    async def add(self, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        new = insert(pipeline).values(name=definition.name, revision=1, created_at=now, updated_at=now)
        row = await self._execute_named(new.returning(*pipeline.c), definition.name)
        return await self._add_revision(row, definition, now)

    async def find(self, ref: PipelineRef, *, lock: bool = False) -> StoredPipeline | None:
        if not is_valid_pipeline_ref(ref):
            return None
        (rows,) = await self._transaction.fetch_batch((_FIND_ONE[isinstance(ref, int), lock], {"ref": ref}))
        if not rows:
            return None
        (row,) = rows
        # Read after the lock. A join would pair a row that another transaction just changed with an old revision.
        definitions = await self._definitions.load([(row.id, row.revision)])
        return _to_pipeline(row, definitions[row.id, row.revision])

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
        """Return the pipelines of these rows by the refs, which are ids or names."""
        definitions = await self._definitions.load((row.id, row.revision) for row in rows)
        pipelines = [_to_pipeline(row, definitions[row.id, row.revision]) for row in rows]
        by_ref: dict[PipelineRef, StoredPipeline] = {found.id: found for found in pipelines}
        by_ref |= {row.name: found for row, found in zip(rows, pipelines, strict=True)}
        return {ref: by_ref[ref] for ref in refs if ref in by_ref}

    async def revise(self, pipeline_id: int, definition: PipelineDefinition, now: datetime) -> StoredPipeline:
        change = update(pipeline).where(pipeline.c.id == pipeline_id)
        change = change.values(name=definition.name, revision=pipeline.c.revision + 1, updated_at=now)
        row = await self._execute_named(change.returning(*pipeline.c), definition.name)
        return await self._add_revision(row, definition, now)

    async def count(self) -> int:
        return int((await self._transaction.execute(select(func.count()).select_from(pipeline))).scalar_one())

    async def _execute_named(self, statement: Executable, name: str) -> Row[Any]:
        """Return the row that the statement writes. Raise NameTaken if another pipeline has the name."""
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
        return _to_pipeline(row, definition)


def is_valid_pipeline_ref(ref: PipelineRef) -> bool:
    """Return False for refs that no pipeline can have and that PostgreSQL would reject as parameters."""
    return is_storable_id(ref) if isinstance(ref, int) else find_text_problem(ref, 100) is None


def _to_pipeline(row: Row[Any], definition: PipelineDefinition) -> StoredPipeline:
    return StoredPipeline(row.id, row.revision, definition, row.created_at, row.updated_at)
