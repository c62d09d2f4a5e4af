"""Limit of failed sign-ins."""

from typing import Protocol


class SignInLimiter(Protocol):
    """How often somebody may try to sign in; in this process alone."""

    def allows(self, name: str, address: str | None) -> bool:
        """Whether another try is permitted now; takes nothing."""
        ...

    def record_failure(self, name: str, address: str | None) -> None: ...
