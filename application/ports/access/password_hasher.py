"""Password hashing."""

from typing import Protocol


class PasswordHasher(Protocol):
    async def hash(self, password: str) -> str:
        """As argon2id; takes a tenth of a second on purpose."""
        ...

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Takes as long when there is no hash to compare with."""
        ...
