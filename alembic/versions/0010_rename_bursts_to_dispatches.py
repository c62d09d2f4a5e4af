"""Rename bursts to dispatches: the table, the columns of a run, and the types and data of events."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INDEXES = ("ix_{}_unsettled", "ix_{}_requested", "ix_{}_flow_run_id")


def upgrade() -> None:
    _rename("burst", "dispatch")


def downgrade() -> None:
    _rename("dispatch", "burst")


def _rename(old: str, new: str) -> None:
    op.rename_table(old, new)
    op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT pk_{old} TO pk_{new}")
    op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT fk_{old}_run_id TO fk_{new}_run_id")
    for index in _INDEXES:
        op.execute(f"ALTER INDEX IF EXISTS {index.format(old)} RENAME TO {index.format(new)}")
    for column in ("state", "epoch", "holder"):
        op.alter_column("run", f"{old}_{column}", new_column_name=f"{new}_{column}")
    op.execute(f"ALTER TABLE run RENAME CONSTRAINT ck_run_{old}_state TO ck_run_{new}_state")
    op.execute(
        f"UPDATE event SET type = replace(type, '{old}.', '{new}.'), "
        f"data = CASE WHEN data ? '{old}' THEN (data - '{old}') || jsonb_build_object('{new}', data -> '{old}') ELSE data END "
        f"WHERE type LIKE '{old}.%' OR data ? '{old}'"
    )
