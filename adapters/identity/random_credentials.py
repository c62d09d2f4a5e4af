"""Random keys with a checksum, argon2id hashes, and how often a sign-in may be tried."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from typing import Final

from domain.access.api_tokens import TokenKind

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES: Final = 20
_RANDOM_DIGITS: Final = 27
"""Base 62 digits that hold 160 bits."""
_SUM_DIGITS: Final = 6
_WORDS: Final = {TokenKind.API: "api", TokenKind.REPORTER: "rep"}
_TOKEN: Final = re.compile(rf"hg_(api|rep)_[0-9A-Za-z]{{{_RANDOM_DIGITS + _SUM_DIGITS}}}")


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
