"""What the audit log says: who did what, when, from where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.access.actor import Actor


class AuditAction(StrEnum):
    """What was done."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    TRIGGERED = "triggered"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    SKIPPED = "skipped"
    STAGE_CANCELLED = "stage_cancelled"
    APPROVED = "approved"
    REJECTED = "rejected"
    PIPELINE_CREATED = "pipeline_created"
    PIPELINE_CHANGED = "pipeline_changed"
    TOKEN_CREATED = "token_created"
    TOKEN_REVOKED = "token_revoked"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_CHANGED = "account_changed"
    PASSWORD_CHANGED = "password_changed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line. `who` is None where nobody needs to sign in; `way` is how they were known; `thing` such as `run 7`."""

    at: datetime
    deed: AuditAction
    who: str | None
    way: str | None
    address: str | None
    thing: str
    details: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


def create_audit_entry(actor: Actor, deed: AuditAction, thing: str, now: datetime, **details: Any) -> AuditEntry:
    """What is not known is left out of the details."""
    told = {name: value for name, value in details.items() if value is not None}
    return AuditEntry(now, deed, actor.name, actor.way, actor.address, thing, told)
