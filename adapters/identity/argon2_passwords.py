"""Password hashes with argon2id."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

_MAX_CONCURRENT_HASHES: Final = 2
"""Each hash takes 64 MiB."""


class Argon2Passwords:
    """Hashes passwords in threads, a few at a time, so that sign-in attempts do not delay other requests."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(),))
        self._slots = asyncio.Semaphore(_MAX_CONCURRENT_HASHES)
        self._dummy_hash: str | None = None

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Compare with a dummy hash if there is none, so that an unknown name takes as long as a wrong password."""
        if self._dummy_hash is None:
            self._dummy_hash = await self.hash(secrets.token_urlsafe(16))
        async with self._slots:
            is_match = await asyncio.to_thread(self._hasher.verify, password, hashed or self._dummy_hash)
        return is_match and hashed is not None
