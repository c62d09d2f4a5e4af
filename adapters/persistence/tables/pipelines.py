"""Pipelines and their revisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Text
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table, identity_column, timestamp_column


class PipelineTable(TableBase, table=True):
    """A pipeline: its unique name and the number of its newest revision."""

    __tablename__ = "pipeline"
    id: int | None = Field(default=None, sa_column=identity_column())
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    updated_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class RevisionTable(TableBase, table=True):
    """A revision's definition as its author wrote it. The type is `json`, which keeps the order of keys that forms follow."""

    __tablename__ = "revision"
    pipeline_id: int = Field(sa_column=Column(BigInteger, ForeignKey("pipeline.id"), primary_key=True, autoincrement=False))
    revision: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    definition: Any = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))


pipeline = get_table(PipelineTable)
revision = get_table(RevisionTable)
