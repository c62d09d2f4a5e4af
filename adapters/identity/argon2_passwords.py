"""TODO."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

_AT_ONCE: Final = 2
"""Hashes computed at a time: each takes 64 MiB."""


class Argon2Passwords:
    """Computed beside the event loop, a few at a time, so that many who try to sign in hold nobody else up."""

    def __init__(self) -> None:
        self._hasher = PasswordHash((Argon2Hasher(),))
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._of_nobody: str | None = None

    async def hash(self, password: str) -> str:
        async with self._room:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password: str, hashed: str | None) -> bool:
        if self._of_nobody is None:
            self._of_nobody = await self.hash(secrets.token_urlsafe(16))
        async with self._room:
            is_right = await asyncio.to_thread(self._hasher.verify, password, hashed or self._of_nobody)
        return is_right and hashed is not None
