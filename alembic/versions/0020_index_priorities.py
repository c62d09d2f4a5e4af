"""Index the unclaimed dispatches by priority, and the unfinished runs of backfills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_UNFINISHED = "status NOT IN ('cancelled', 'completed', 'failed', 'lost', 'skipped')"
_UNCLAIMED = "claimed_at IS NULL AND ended_at IS NULL"


def upgrade() -> None:
    """Drop an invalid index of an interrupted attempt first."""
    by_priority = ["pool", sa.text("priority DESC"), "requested_at", "run_id"]
    unfinished = sa.text(f"backfill_id IS NOT NULL AND {_UNFINISHED}")
    with op.get_context().autocommit_block():
        _drop_indexes(ix_run_of_backfill="run", ix_dispatch_unclaimed="dispatch")
        op.create_index("ix_run_of_backfill", "run", ["backfill_id", "id"], postgresql_concurrently=True, postgresql_where=unfinished)
        op.create_index(
            "ix_dispatch_unclaimed", "dispatch", by_priority, postgresql_concurrently=True, postgresql_where=sa.text(_UNCLAIMED)
        )
        _drop_indexes(ix_dispatch_requested="dispatch")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop_indexes(ix_dispatch_requested="dispatch")
        op.create_index(
            "ix_dispatch_requested",
            "dispatch",
            ["pool", "requested_at"],
            postgresql_concurrently=True,
            postgresql_where=sa.text(_UNCLAIMED),
        )
        _drop_indexes(ix_dispatch_unclaimed="dispatch", ix_run_of_backfill="run")


def _drop_indexes(**tables: str) -> None:
    for name, table in tables.items():
        op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
