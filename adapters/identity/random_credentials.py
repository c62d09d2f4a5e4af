"""API tokens and session keys, as random strings."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from typing import Final

from domain.access.api_tokens import TokenKind

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES: Final = 20
_RANDOM_DIGITS: Final = 27
"""The base 62 digits that 160 bits need."""
_CHECKSUM_DIGITS: Final = 6
_KIND_PREFIXES: Final = {TokenKind.API: "api", TokenKind.REPORTER: "rep", TokenKind.WORKER: "wrk"}
_TOKEN: Final = re.compile(rf"hg_(api|rep|wrk)_[0-9A-Za-z]{{{_RANDOM_DIGITS + _CHECKSUM_DIGITS}}}")


class RandomCredentials:
    """Creates tokens of the form `hg_<kind>_<160 random bits><CRC-32>`.

    `digest` is SHA-256. Random keys need no slow hash, because they cannot be guessed.
    """

    def new_token(self, kind: TokenKind) -> str:
        body = f"hg_{_KIND_PREFIXES[kind]}_{_to_base62(int.from_bytes(secrets.token_bytes(_RANDOM_BYTES)), _RANDOM_DIGITS)}"
        return body + _checksum(body)

    def new_session(self) -> str:
        return secrets.token_urlsafe(32)

    def is_token(self, text: str) -> bool:
        if not _TOKEN.fullmatch(text):
            return False
        return hmac.compare_digest(text[-_CHECKSUM_DIGITS:], _checksum(text[:-_CHECKSUM_DIGITS]))

    def digest(self, text: str) -> bytes:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    def form_key(self, session: str) -> str:
        return hmac.new(session.encode("utf-8", "surrogatepass"), b"headgate form", hashlib.sha256).hexdigest()


def _checksum(text: str) -> str:
    return _to_base62(zlib.crc32(text.encode()), _CHECKSUM_DIGITS)


def _to_base62(number: int, length: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits.rjust(length, "0")
