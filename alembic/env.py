"""Runs migrations on the connection it is given, or on HEADGATE_DATABASE_URL when alembic is called by hand."""

from __future__ import annotations

import os
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, pool

from adapters.persistence.connection.database_urls import sqlalchemy_url


def migrate(connection: Connection, **comparison: Any) -> None:
    context.configure(connection=connection, transaction_per_migration=True, **comparison)
    with context.begin_transaction():
        context.run_migrations()


def migrate_by_hand() -> None:
    """Migrate, and give Alembic the table models, with which `check` and `revision --autogenerate` compare the schema."""
    from adapters.persistence.tables.metadata import METADATA
    from adapters.persistence.tables.partitions import is_partition

    url = os.environ.get("HEADGATE_DATABASE_URL")
    if not url:
        raise SystemExit("Set HEADGATE_DATABASE_URL to the database to migrate.")
    with create_engine(sqlalchemy_url(url), poolclass=pool.NullPool).connect() as connection:
        migrate(
            connection,
            target_metadata=METADATA,
            compare_server_default=True,
            include_name=lambda name, kind, _: kind != "table" or not is_partition(name),
        )


given = context.config.attributes.get("connection")
if given is None:
    migrate_by_hand()
else:
    migrate(given)
