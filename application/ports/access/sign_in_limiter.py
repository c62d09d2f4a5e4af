"""Limit of sign-in attempts."""

from typing import Protocol


class SignInLimiter(Protocol):
    """Limits failed sign-ins per name and address. Each process counts for itself."""

    def allows(self, name: str, address: str | None) -> bool:
        """Return True if another attempt is permitted now. This does not count as one."""
        ...

    def record_failure(self, name: str, address: str | None) -> None: ...
