"""Password hashing."""

from typing import Protocol


class PasswordHasher(Protocol):
    async def hash(self, password: str) -> str:
        """Return an argon2id hash. This takes about 0.1 s on purpose."""
        ...

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Return True if the password matches. This takes as long without a hash, so that timing does not reveal which accounts exist."""
        ...
