"""Store whether the end of an attempt was reported and each reporter's last report on a pipeline; allow two more reasons of attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_REASONS = ("approval", "external", "retry", "error", "timeout", "rejected", "upstream")
_NEW_REASONS = ("superseded", "fenced")
_CHECK = "ck_attempt_reason"


def upgrade() -> None:
    op.add_column("attempt", sa.Column("end_reported", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    # The ends that are stored were all reported, except those that Headgate or a person gave.
    op.execute(
        "UPDATE attempt SET end_reported = true "
        "WHERE worker IS NULL AND NOT by_person AND (status = 'completed' OR status = 'failed' AND reason = 'error') "
        "AND run_id IN (SELECT max(id) FROM run GROUP BY pipeline_id)"
    )
    _set_reasons((*_REASONS, *_NEW_REASONS))
    op.create_table(
        "pipeline_reporter",
        sa.Column("pipeline_id", sa.BigInteger(), sa.ForeignKey("pipeline.id", name="fk_pipeline_reporter_pipeline_id"), nullable=False),
        sa.Column("reporter", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger()),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pipeline_id", "reporter", name="pk_pipeline_reporter"),
    )
    op.create_index("ix_pipeline_reporter_reported_at", "pipeline_reporter", ["reported_at"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_table("pipeline_reporter")
    op.execute("UPDATE attempt SET reason = NULL WHERE reason IN ('superseded', 'fenced')")
    _set_reasons(_REASONS)
    op.drop_column("attempt", "end_reported")


def _set_reasons(reasons: tuple[str, ...]) -> None:
    """Replace the check without reading the table under its lock. Revision 0012 validates it; downgrading leaves it NOT VALID."""
    allowed = ", ".join(f"'{reason}'" for reason in reasons)
    op.drop_constraint(op.f(_CHECK), "attempt", type_="check")
    op.execute(f"ALTER TABLE attempt ADD CONSTRAINT {_CHECK} CHECK (reason IS NULL OR reason IN ({allowed})) NOT VALID")
