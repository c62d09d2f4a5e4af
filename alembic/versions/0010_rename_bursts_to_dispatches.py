"""Rename bursts to dispatches: the table, the columns of a run, and the types and data of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BATCH_PAGES = 2_000
"""Pages of an event partition that one transaction rewrites: at most about 100,000 events."""
_INDEXES = ("ix_{}_unsettled", "ix_{}_requested", "ix_{}_flow_run_id")
_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'event'::regclass ORDER BY 1"


def upgrade() -> None:
    _rename("burst", "dispatch")


def downgrade() -> None:
    _rename("dispatch", "burst")


def _rename(old: str, new: str) -> None:
    """Rewrite the events in short transactions, then rename the table and columns in one that holds its locks for a moment.

    A migration that was interrupted is repeated: events that were rewritten are skipped.
    """
    connection = op.get_bind()
    with op.get_context().autocommit_block():
        oldest_open = connection.scalar(sa.text("SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)"))
        for partition in connection.scalars(sa.text(_PARTITIONS)).all():
            pages = connection.scalar(sa.text(f"SELECT pg_relation_size('{partition}') / current_setting('block_size')::bigint"))
            for start in range(0, int(pages or 0), BATCH_PAGES):
                pages_of_batch = f"ctid >= '({start},0)' AND ctid < '({start + BATCH_PAGES},0)'"
                op.execute(_rewrite_events(partition, old, new, pages_of_batch))
    _rename_objects(old, new)
    # Events of transactions that were open or began after the first batch. The index on xid finds them.
    op.execute(_rewrite_events("event", old, new, f"xid >= '{oldest_open}'"))


def _rename_objects(old: str, new: str) -> None:
    op.rename_table(old, new)
    op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT pk_{old} TO pk_{new}")
    op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT fk_{old}_run_id TO fk_{new}_run_id")
    for index in _INDEXES:
        op.execute(f"ALTER INDEX IF EXISTS {index.format(old)} RENAME TO {index.format(new)}")
    for column in ("state", "epoch", "holder"):
        op.alter_column("run", f"{old}_{column}", new_column_name=f"{new}_{column}")
    op.execute(f"ALTER TABLE run RENAME CONSTRAINT ck_run_{old}_state TO ck_run_{new}_state")


def _rewrite_events(table: str, old: str, new: str, condition: str) -> str:
    data = f"(data - '{old}') || jsonb_build_object('{new}', data -> '{old}')"
    return (
        f"UPDATE {table} SET type = regexp_replace(type, '^{old}\\.', '{new}.'), "
        f"data = CASE WHEN data ? '{old}' THEN {data} ELSE data END "
        f"WHERE {condition} AND (type LIKE '{old}.%' OR data ? '{old}')"
    )
