"""A fake password hasher."""

import hashlib
from itertools import count


class FakePasswordHasher:
    """`compared` counts the verifications: an unknown account must cost as much as a known one."""

    def __init__(self) -> None:
        self._salts = count(1)
        self.compared = 0

    async def hash(self, password: str) -> str:
        return f"hash-{next(self._salts)}-{hashlib.sha256(password.encode()).hexdigest()}"

    async def verify(self, password: str, hashed: str | None) -> bool:
        self.compared += 1
        return hashed is not None and hashed.endswith(hashlib.sha256(password.encode()).hexdigest())
