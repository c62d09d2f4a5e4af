"""Store whether a pipeline is paused, archived or deleted, and the names that it had before renames; allow the actions in the audit log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
_CHECK = "ck_audit_deed"
_DEEDS = (
    "signed_in",
    "sign_in_failed",
    "signed_out",
    "triggered",
    "cancelled",
    "retried",
    "skipped",
    "stage_cancelled",
    "approved",
    "rejected",
    "pipeline_created",
    "pipeline_changed",
)
_NEW_DEEDS = (
    "pipeline_paused",
    "pipeline_resumed",
    "pipeline_archived",
    "pipeline_unarchived",
    "pipeline_deleted",
    "schedule_paused",
    "schedule_resumed",
)
_MORE_DEEDS = ("token_created", "token_revoked", "account_created", "account_changed", "password_changed")


def upgrade() -> None:
    for name in ("paused_at", "paused_until", "archived_at", "deleting_at"):
        op.add_column("pipeline", sa.Column(name, MOMENT, nullable=True))
    for name in ("paused_by", "archived_by"):
        op.add_column("pipeline", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("pipeline", sa.Column("activation_changes", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_index("ix_pipeline_paused_until", "pipeline", ["paused_until"], postgresql_where=sa.text("paused_until IS NOT NULL"))
    op.create_index("ix_pipeline_deleting", "pipeline", ["id"], postgresql_where=sa.text("deleting_at IS NOT NULL"))
    op.create_table(
        "pipeline_alias",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipeline.id"], name="fk_pipeline_alias_pipeline_id"),
        sa.PrimaryKeyConstraint("name", name="pk_pipeline_alias"),
    )
    op.create_index("ix_pipeline_alias_pipeline_id", "pipeline_alias", ["pipeline_id"])
    _set_deeds((*_DEEDS, *_NEW_DEEDS, *_MORE_DEEDS))


def downgrade() -> None:
    """Undo the changes. Entries of the new actions stay in the audit log, so the check is NOT VALID and applies to new entries only."""
    _set_deeds((*_DEEDS, *_MORE_DEEDS))
    op.drop_table("pipeline_alias")
    op.drop_index("ix_pipeline_deleting", "pipeline")
    op.drop_index("ix_pipeline_paused_until", "pipeline")
    for name in ("activation_changes", "archived_by", "paused_by", "deleting_at", "archived_at", "paused_until", "paused_at"):
        op.drop_column("pipeline", name)


def _set_deeds(deeds: tuple[str, ...]) -> None:
    """Replace the check without reading the table under its lock. Revision 0018 validates it."""
    allowed = ", ".join(f"'{deed}'" for deed in deeds)
    op.drop_constraint(op.f(_CHECK), "audit", type_="check")
    op.execute(f"ALTER TABLE audit ADD CONSTRAINT {_CHECK} CHECK (deed IN ({allowed})) NOT VALID")
