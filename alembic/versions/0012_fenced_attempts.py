"""Allow the reason of attempts that a worker ended because it could not renew its lease."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_REASONS = ("approval", "external", "retry", "error", "timeout", "rejected", "upstream", "superseded")
_CHECK = "ck_attempt_reason"


def upgrade() -> None:
    _set_reasons((*_REASONS, "fenced"))


def downgrade() -> None:
    op.execute("UPDATE attempt SET reason = NULL WHERE reason = 'fenced'")
    _set_reasons(_REASONS)


def _set_reasons(reasons: tuple[str, ...]) -> None:
    """Replace the check without reading the table under its lock: the rows obey the narrower check already."""
    allowed = ", ".join(f"'{reason}'" for reason in reasons)
    op.drop_constraint(op.f(_CHECK), "attempt", type_="check")
    op.execute(f"ALTER TABLE attempt ADD CONSTRAINT {_CHECK} CHECK (reason IS NULL OR reason IN ({allowed})) NOT VALID")
    op.execute(f"ALTER TABLE attempt VALIDATE CONSTRAINT {_CHECK}")
