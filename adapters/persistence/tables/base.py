"""What the tables are made of: their metadata, the few column kinds they use, and the checks on words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Identity, MetaData, Table
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType
from sqlmodel import SQLModel

from domain.runs.status import TERMINAL

UNFINISHED = f"status NOT IN ({', '.join(repr(status.value) for status in sorted(TERMINAL))})"
"""Said with the same words by the partial indexes and by the queries, so that the planner sees they match."""


class TableBase(SQLModel):
    """One table each; rows are written and read by Core statements, never by the ORM."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Xid8(UserDefinedType[str]):
    """A 64-bit transaction id; compared inside the database only."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


ischema_names["xid8"] = Xid8


def get_table(row: type[SQLModel]) -> Table:
    return cast(Table, row.__table__)  # type: ignore[attr-defined]


def identity_column() -> Column[int]:
    return Column(BigInteger, Identity(always=True), primary_key=True)


def timestamp_column(nullable: bool = True) -> Column[Any]:
    return Column(DateTime(timezone=True), nullable=nullable)


def enum_check(column: str, words: Iterable[StrEnum], nullable: bool = False) -> CheckConstraint:
    """The column holds one of these words: text with a check, so that a new word is a cheap migration."""
    allowed = f"{column} IN ({', '.join(repr(word.value) for word in words)})"
    return CheckConstraint(f"{column} IS NULL OR {allowed}" if nullable else allowed, name=column)
