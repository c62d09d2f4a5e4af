"""Reads revisions of pipelines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, literal, select

from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.tables.pipelines import revision
from application.queries.views.pipelines import RevisionView, RevisionWithSource

_COLUMNS = (revision.c.pipeline_id, revision.c.revision, revision.c.created_at, revision.c.created_by, revision.c.restored_from)
REVISIONS = select(*_COLUMNS)
REVISIONS_WITH_SOURCE = select(*_COLUMNS, revision.c.source)


def up_to_revision(number: int) -> Any:
    return revision.c.revision <= literal(number, BigInteger)


def is_revision(number: int) -> Any:
    return revision.c.revision == literal(number, BigInteger)


async def build_revision_views(rows: Iterable[Any], definitions: DefinitionLoader) -> list[RevisionView]:
    """Return the views of rows of REVISIONS. Load the definitions one by one, since reading one of 1 MiB takes 20 ms."""
    return [await _build_revision_view(row, definitions) for row in rows]


async def build_revision_with_source(row: Any, definitions: DefinitionLoader) -> RevisionWithSource:
    view = await _build_revision_view(row, definitions)
    return RevisionWithSource(view.revision, view.definition, view.created_at, view.created_by, view.restored_from, row.source)


async def _build_revision_view(row: Any, definitions: DefinitionLoader) -> RevisionView:
    key = (row.pipeline_id, row.revision)
    return RevisionView(row.revision, (await definitions.load([key]))[key], row.created_at, row.created_by, row.restored_from)
