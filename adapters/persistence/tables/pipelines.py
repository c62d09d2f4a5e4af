"""Pipelines and their revisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, identity_column, timestamp_column

HAS_EXPECTATIONS = "json_array_length(definition -> 'expect') > 0"
"""SQL condition of revisions with expectations, as in their partial index."""


class PipelineTable(TableBase, table=True):
    """A pipeline: its unique name, the number of its newest revision, and whether it is paused or archived.

    `source`, `source_file` and `source_revision`: the file that was applied last, and the revision that it made.
    `deleting_at`: a pipeline that was deleted then, whose rows are being removed. Its name is changed to one that no pipeline can take.
    """

    __tablename__ = "pipeline"
    __table_args__: ClassVar[Any] = (
        Index("ix_pipeline_paused_until", "paused_until", postgresql_where=text("paused_until IS NOT NULL")),
        Index("ix_pipeline_deleting", "id", postgresql_where=text("deleting_at IS NOT NULL")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    updated_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    paused_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    paused_by: str | None = Field(default=None, sa_column=Column(Text))
    paused_until: datetime | None = Field(default=None, sa_column=timestamp_column())
    archived_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    archived_by: str | None = Field(default=None, sa_column=Column(Text))
    activation_changes: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default=text("0")))
    deleting_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    source: str | None = Field(default=None, sa_column=Column(Text))
    source_file: str | None = Field(default=None, sa_column=Column(Text))
    source_revision: int | None = Field(default=None, sa_column=Column(Integer))


class PipelineAliasTable(TableBase, table=True):
    """A name that a pipeline had before a rename. The pipeline that takes the name removes the row."""

    __tablename__ = "pipeline_alias"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    pipeline_id: int = Field(sa_column=Column(BigInteger, ForeignKey("pipeline.id"), nullable=False, index=True))


class RevisionTable(TableBase, table=True):
    """A revision's definition with all defaults, and its text as its author wrote it, if there is one.

    The type of `definition` is `json`, which keeps the order of keys that forms follow.
    """

    __tablename__ = "revision"
    __table_args__: ClassVar[Any] = (Index("ix_revision_expecting", "pipeline_id", "revision", postgresql_where=text(HAS_EXPECTATIONS)),)
    pipeline_id: int = Field(sa_column=Column(BigInteger, ForeignKey("pipeline.id"), primary_key=True, autoincrement=False))
    revision: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    definition: Any = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    source: str | None = Field(default=None, sa_column=Column(Text))
    created_by: str | None = Field(default=None, sa_column=Column(Text))
    restored_from: int | None = Field(default=None, sa_column=Column(Integer))


pipeline = get_table(PipelineTable)
pipeline_alias = get_table(PipelineAliasTable)
revision = get_table(RevisionTable)
NOT_DELETED = pipeline.c.deleting_at.is_(None)
