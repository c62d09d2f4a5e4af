"""Allow tokens of kind `worker`. The table is small, so its check is replaced at once."""

from __future__ import annotations

from alembic import op

revision = "0035"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _replace_check("'api', 'reporter', 'worker'")


def downgrade() -> None:
    """Revoke the tokens of workers; they become API tokens without scopes."""
    op.execute("UPDATE api_token SET kind = 'api', revoked_at = coalesce(revoked_at, now()) WHERE kind = 'worker'")
    _replace_check("'api', 'reporter'")


def _replace_check(kinds: str) -> None:
    op.execute("ALTER TABLE api_token DROP CONSTRAINT ck_api_token_kind")
    op.execute(f"ALTER TABLE api_token ADD CONSTRAINT ck_api_token_kind CHECK (kind IN ({kinds}))")
