"""Store the token of each worker, and which workers have used which token; allow the audit action of their first use.

Revision 0038 validates the check of the audit log.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
_NEW_DEED = "worker_registered"
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
    "pipeline_paused",
    "pipeline_resumed",
    "pipeline_archived",
    "pipeline_unarchived",
    "pipeline_deleted",
    "schedule_paused",
    "schedule_resumed",
    "started_over_limit",
    "group_limit_set",
    "backfill_started",
    "backfill_paused",
    "backfill_resumed",
    "backfill_cancelled",
    "incident_acknowledged",
    "incident_snoozed",
    "incident_resolved",
    "silence_created",
    "silence_ended",
    "channel_created",
    "channel_changed",
    "channel_deleted",
    "channel_tested",
    "alert_rule_created",
    "alert_rule_changed",
    "alert_rule_deleted",
    "token_created",
    "token_revoked",
)
_MORE_DEEDS = ("account_created", "account_changed", "password_changed")


def upgrade() -> None:
    op.add_column("worker", sa.Column("token_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_worker_token_id"), "worker", "api_token", ["token_id"], ["id"])
    op.create_table(
        "token_worker",
        sa.Column("token_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_used_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], name=op.f("fk_token_worker_token_id")),
        sa.PrimaryKeyConstraint("token_id", "name", name=op.f("pk_token_worker")),
    )
    _replace_audit_check((*_DEEDS, _NEW_DEED, *_MORE_DEEDS))


def downgrade() -> None:
    """Forget the tokens of workers. Entries of the new action stay in the audit log, so its check is NOT VALID."""
    _replace_audit_check((*_DEEDS, *_MORE_DEEDS))
    op.drop_table("token_worker")
    op.drop_column("worker", "token_id")


def _replace_audit_check(deeds: tuple[str, ...]) -> None:
    """Replace the check without reading the table under its lock."""
    op.drop_constraint(op.f("ck_audit_deed"), "audit", type_="check")
    allowed = ", ".join(f"'{deed}'" for deed in deeds)
    op.execute(f"ALTER TABLE audit ADD CONSTRAINT ck_audit_deed CHECK (deed IN ({allowed})) NOT VALID")
