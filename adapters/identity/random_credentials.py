"""Random keys with a checksum, argon2id hashes, and how often a sign-in may be tried."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import zlib
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from domain.access.accounts import TokenKind

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES: Final = 20
_RANDOM_DIGITS: Final = 27
"""Base 62 digits that hold 160 bits."""
_SUM_DIGITS: Final = 6
_WORDS: Final = {TokenKind.API: "api", TokenKind.REPORTER: "rep"}
_TOKEN: Final = re.compile(rf"hg_(api|rep)_[0-9A-Za-z]{{{_RANDOM_DIGITS + _SUM_DIGITS}}}")
_AT_ONCE: Final = 2
"""Hashes computed at a time: each takes 64 MiB."""


class RandomCredentials:
    """Tokens as `hg_<kind>_<160 random bits><CRC-32>`; of everything the SHA-256 is stored, which is enough for what is random."""

    def new_token(self, kind: TokenKind) -> str:
        body = f"hg_{_WORDS[kind]}_{_digits(int.from_bytes(secrets.token_bytes(_RANDOM_BYTES)), _RANDOM_DIGITS)}"
        return body + _checksum(body)

    def new_session(self) -> str:
        return secrets.token_urlsafe(32)

    def is_token(self, text: str) -> bool:
        return bool(_TOKEN.fullmatch(text)) and hmac.compare_digest(text[-_SUM_DIGITS:], _checksum(text[:-_SUM_DIGITS]))

    def digest(self, text: str) -> bytes:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    def form_key(self, session: str) -> str:
        return hmac.new(session.encode("utf-8", "surrogatepass"), b"headgate form", hashlib.sha256).hexdigest()


def _checksum(text: str) -> str:
    return _digits(zlib.crc32(text.encode()), _SUM_DIGITS)


def _digits(number: int, length: int) -> str:
    found = ""
    while number:
        number, digit = divmod(number, 62)
        found = _DIGITS[digit] + found
    return found.rjust(length, "0")


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


class InMemorySignInLimiter:
    """Failures by name and address, by address, and by name: one address cannot lock a name for everybody at once, and many addresses
    cannot guess at one name for ever."""

    LIMITS: Final = {"both": "5 per 5 minutes", "address": "20 per 5 minutes", "name": "50 per hour"}

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limits: dict[str, RateLimitItem] = {key: parse(text) for key, text in self.LIMITS.items()}

    def allows(self, name: str, address: str | None) -> bool:
        return all(self._limiter.test(self._limits[key], key, *who) for key, who in _keys(name, address).items())

    def record_failure(self, name: str, address: str | None) -> None:
        for key, who in _keys(name, address).items():
            self._limiter.hit(self._limits[key], key, *who)


def _keys(name: str, address: str | None) -> dict[str, tuple[str, ...]]:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return {"both": (digest, address or ""), "address": (address or "",), "name": (digest,)}
