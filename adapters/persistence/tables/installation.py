"""The identity of a database."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, Column, Uuid, text
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, get_table


class InstallationTable(TableBase, table=True):
    """One row with the id of this database, which is part of the idempotency keys sent to Prefect."""

    __tablename__ = "installation"
    __table_args__: ClassVar[Any] = (CheckConstraint("single", name="single"),)
    single: bool = Field(default=True, sa_column=Column(Boolean, primary_key=True, server_default=text("true")))
    id: UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=False, server_default=text("gen_random_uuid()")))


installation = get_table(InstallationTable)
