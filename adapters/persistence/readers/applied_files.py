"""Reads the files that pipelines were applied from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Select, select

from adapters.persistence.repositories.pipelines import to_applied_file
from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline, revision
from application.queries.views.pipelines import AppliedFileView

_IS_NEWEST = (revision.c.pipeline_id == pipeline.c.id) & (revision.c.revision == pipeline.c.revision)
_COLUMNS = (pipeline, revision.c.created_at.label("changed_at"), revision.c.created_by.label("changed_by"))


def select_applied_files(source: str | None, pipeline_id: int | None, skip: int, limit: int) -> Select[Any]:
    """Return a page of the pipelines that a file was applied to, with the author of the newest revision."""
    query = select(*_COLUMNS).join(revision, _IS_NEWEST).where(NOT_DELETED, pipeline.c.source.is_not(None))
    if source is not None:
        query = query.where(pipeline.c.source == source)
    if pipeline_id is not None:
        query = query.where(pipeline.c.id == pipeline_id)
    return query.order_by(pipeline.c.id).offset(skip).limit(limit)


def to_applied_file_view(row: Any) -> AppliedFileView:
    applied = to_applied_file(row)
    assert applied is not None
    view = AppliedFileView(row.id, row.name, applied, row.revision, is_archived=row.archived_at is not None)
    return replace(view, changed_at=row.changed_at, changed_by=row.changed_by) if view.has_drifted else view
