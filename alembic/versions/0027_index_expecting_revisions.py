"""Index the revisions with expectations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop an invalid index of an interrupted attempt first."""
    with op.get_context().autocommit_block():
        _drop_index()
        op.create_index(
            "ix_revision_expecting",
            "revision",
            ["pipeline_id", "revision"],
            postgresql_concurrently=True,
            postgresql_where=sa.text("json_array_length(definition -> 'expect') > 0"),
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop_index()


def _drop_index() -> None:
    op.drop_index("ix_revision_expecting", table_name="revision", if_exists=True, postgresql_concurrently=True)
