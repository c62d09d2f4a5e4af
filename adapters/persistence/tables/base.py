"""The metadata, column types and constraints that all tables share."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Identity, MetaData, Table
from sqlmodel import SQLModel

from domain.runs.status import TERMINAL

UNFINISHED = f"status NOT IN ({', '.join(repr(status.value) for status in sorted(TERMINAL))})"
"""SQL condition of unfinished runs. Partial indexes and queries use the same text, so that the planner sees that they match."""


class TableBase(SQLModel):
    """Base of the table models. Rows are written and read by Core statements, not by the ORM."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def get_table(row: type[SQLModel]) -> Table:
    return cast(Table, row.__table__)  # type: ignore[attr-defined]


def identity_column() -> Column[int]:
    return Column(BigInteger, Identity(always=True), primary_key=True)


def timestamp_column(nullable: bool = True) -> Column[Any]:
    return Column(DateTime(timezone=True), nullable=nullable)


def run_id_column(primary_key: bool = True) -> Column[int]:
    """Return a column that references `run.id`."""
    return Column(BigInteger, ForeignKey("run.id"), primary_key=primary_key, nullable=False, autoincrement=False)


def enum_check(column: str, values: Iterable[StrEnum], nullable: bool = False) -> CheckConstraint:
    """Return a check that the text column holds one of these values: a new value is a cheap migration."""
    allowed = f"{column} IN ({', '.join(repr(value.value) for value in values)})"
    return CheckConstraint(f"{column} IS NULL OR {allowed}" if nullable else allowed, name=column)
