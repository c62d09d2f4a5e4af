"""Signed lists of claims, the form of all tokens that Headgate does not store."""

import base64
import hashlib
import hmac
import json

MIN_SECRET_BYTES = 32


class SignedClaims:
    """Signs and reads tokens of the form `prefix.<claims>.<HMAC-SHA-256 of both>`; claims and signature are base64url."""

    def __init__(self, prefix: str, secret: bytes) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret must have at least {MIN_SECRET_BYTES} bytes")
        self._prefix, self._secret = prefix, secret

    def sign(self, claims: list[object]) -> str:
        body = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{self._prefix}.{body}.{self._compute_signature(body)}"

    def read(self, token: str) -> object:
        """Return the claims as JSON; None if the token was not signed with this prefix and secret."""
        prefix, _, rest = token.partition(".")
        body, _, signature = rest.partition(".")
        if prefix != self._prefix or not token.isascii() or not hmac.compare_digest(signature, self._compute_signature(body)):
            return None
        return json.loads(_decode(body))

    def _compute_signature(self, body: str) -> str:
        return _encode(hmac.new(self._secret, f"{self._prefix}.{body}".encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
