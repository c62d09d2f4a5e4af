"""Signed tokens in the links of messages, with which a recipient acts without signing in."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class LinkAction(StrEnum):
    """What a link does."""

    ACKNOWLEDGE = "acknowledge"
    RETRY = "retry"
    CONFIRM = "confirm"
    """Confirm that a test message arrived."""


@dataclass(frozen=True, slots=True)
class ActionClaims:
    """The claims of a link's token: what it does, and the delivery whose message contains it. `issued_at` has whole seconds."""

    action: LinkAction
    delivery_id: int
    issued_at: datetime


class ActionTokens(Protocol):
    def issue(self, claims: ActionClaims) -> str:
        """Return the token, always the same one for equal claims."""
        ...

    def read(self, token: str) -> ActionClaims | None:
        """Return the claims of the token; None if this installation did not issue it."""
        ...
