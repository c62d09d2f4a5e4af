"""Accounts, sessions, API tokens and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, Text, desc
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from adapters.persistence.tables.base import TableBase, enum_check, get_table, identity_column, timestamp_column
from domain.access.api_tokens import TokenKind
from domain.access.audit import AuditAction
from domain.access.permissions import Role


class AccountTable(TableBase, table=True):
    """A user who can sign in. `name` is lower case, `password` an argon2id hash, `subject` the identity provider's id of the person."""

    __tablename__ = "account"
    __table_args__: ClassVar[Any] = (enum_check("role", Role),)
    id: int | None = Field(default=None, sa_column=identity_column())
    name: str = Field(sa_column=Column(Text, nullable=False, unique=True))
    role: str = Field(sa_column=Column(Text, nullable=False))
    password: str | None = Field(default=None, sa_column=Column(Text))
    subject: str | None = Field(default=None, sa_column=Column(Text, unique=True))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    disabled_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    seen_at: datetime | None = Field(default=None, sa_column=timestamp_column())


class SessionTable(TableBase, table=True):
    """A signed-in browser. `digest` is the SHA-256 of its session key."""

    __tablename__ = "session"
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    account_id: int = Field(sa_column=Column(BigInteger, ForeignKey("account.id"), nullable=False, index=True))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    seen_at: datetime = Field(sa_column=timestamp_column(nullable=False))


class ApiTokenTable(TableBase, table=True):
    """A token for a program. `digest` is its SHA-256, `hint` its last characters, `used_on` the day of its last use."""

    __tablename__ = "api_token"
    __table_args__: ClassVar[Any] = (enum_check("kind", TokenKind),)
    id: int | None = Field(default=None, sa_column=identity_column())
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False, unique=True))
    name: str = Field(sa_column=Column(Text, nullable=False))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    scopes: Any = Field(sa_column=Column(ARRAY(Text), nullable=False))
    pipeline_id: int | None = Field(default=None, sa_column=Column(BigInteger, ForeignKey("pipeline.id")))
    hint: str = Field(sa_column=Column(Text, nullable=False))
    created_by: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime = Field(sa_column=timestamp_column(nullable=False))
    expires_at: datetime | None = Field(default=None, sa_column=timestamp_column())
    used_on: datetime | None = Field(default=None, sa_column=timestamp_column())
    revoked_at: datetime | None = Field(default=None, sa_column=timestamp_column())


class AuditTable(TableBase, table=True):
    """An audited action: who did what, from where. A database trigger rejects updates and deletions."""

    __tablename__ = "audit"
    __table_args__: ClassVar[Any] = (
        enum_check("deed", AuditAction),
        Index("ix_audit_of_deed", "deed", desc("id")),
        Index("ix_audit_of_who", "who", desc("id")),
    )
    id: int | None = Field(default=None, sa_column=identity_column())
    at: datetime = Field(sa_column=timestamp_column(nullable=False))
    deed: str = Field(sa_column=Column(Text, nullable=False))
    who: str | None = Field(default=None, sa_column=Column(Text))
    way: str | None = Field(default=None, sa_column=Column(Text))
    address: str | None = Field(default=None, sa_column=Column(Text))
    thing: str = Field(sa_column=Column(Text, nullable=False))
    details: Any = Field(sa_column=Column(JSONB, nullable=False))


account = get_table(AccountTable)
session = get_table(SessionTable)
api_token = get_table(ApiTokenTable)
audit = get_table(AuditTable)
