"""Store when each failure of a pipeline was first seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSERT_FAILURES = """
    INSERT INTO failure (pipeline_id, stage, fingerprint, run_id, first_at)
    SELECT DISTINCT ON (run.pipeline_id, attempt.stage, attempt.fingerprint)
           run.pipeline_id, attempt.stage, attempt.fingerprint, attempt.run_id, coalesce(attempt.finished_at, attempt.created_at)
    FROM attempt JOIN run ON run.id = attempt.run_id
    WHERE attempt.fingerprint IS NOT NULL
    ORDER BY run.pipeline_id, attempt.stage, attempt.fingerprint, coalesce(attempt.finished_at, attempt.created_at), attempt.run_id
"""


def upgrade() -> None:
    op.create_table(
        "failure",
        sa.Column("pipeline_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pipeline_id", "stage", "fingerprint", name=op.f("pk_failure")),
    )
    op.execute(INSERT_FAILURES)


def downgrade() -> None:
    op.drop_table("failure")
