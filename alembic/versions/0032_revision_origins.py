"""Add the origin of revisions: the text as its author wrote it, the author, and the revision that it restores.

The authors of existing revisions are those of the audit entries that were written in the same transaction, at the same moment. They are
filled in after the columns are committed, so no other statement waits for it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_COLUMNS = {"source": "text", "created_by": "text", "restored_from": "integer"}
_FILL_AUTHORS = """
    UPDATE revision SET created_by = audit.who
    FROM audit
    WHERE revision.created_by IS NULL AND audit.who IS NOT NULL AND audit.at = revision.created_at
      AND (
          (audit.deed = 'pipeline_created' AND revision.revision = 1 AND audit.details ->> 'id' = revision.pipeline_id::text)
          OR (
              audit.deed = 'pipeline_changed' AND audit.details ->> 'revision' = revision.revision::text
              AND audit.thing = 'pipeline ' || (
                  SELECT earlier.definition ->> 'name' FROM revision earlier
                  WHERE earlier.pipeline_id = revision.pipeline_id AND earlier.revision = revision.revision - 1
              )
          )
      )
"""


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.execute(f"ALTER TABLE revision ADD COLUMN IF NOT EXISTS {name} {kind}")
    with op.get_context().autocommit_block():
        op.execute(sa.text(_FILL_AUTHORS))


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column("revision", name)
