"""Index a pipeline's runs by status."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index("ix_run_of_pipeline_by_status", "run", ["pipeline_id", "status", sa.text("id DESC")], postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_run_of_pipeline_by_status", table_name="run", postgresql_concurrently=True)
