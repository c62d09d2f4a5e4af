"""Tokens as signed claims: nothing is stored, any process with the secret can read them."""

import base64
import hashlib
import hmac
import json

from application.ports.access.execution_tokens import AttemptClaims, WorkerClaims

_PREFIX = "hg1"


class HmacTokens:
    """`hg1.<claims>.<HMAC-SHA-256 of the claims>`, both base64url. `secret` is at least 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:
            raise ValueError("the secret is at least 32 bytes long")
        self._secret = secret

    def issue_attempt_token(self, claims: AttemptClaims) -> str:
        return self._signed(["a", claims.run_id, claims.stage, claims.attempt])

    def issue_worker_token(self) -> str:
        return self._signed(["w"])

    def read(self, token: str) -> AttemptClaims | WorkerClaims | None:
        prefix, _, rest = token.partition(".")
        body, _, signature = rest.partition(".")
        if prefix != _PREFIX or not token.isascii() or not hmac.compare_digest(signature, self._signature(body)):
            return None
        match json.loads(_decoded(body)):
            case ["a", int(run_id), str(stage), int(attempt)]:
                return AttemptClaims(run_id, stage, attempt)
            case ["w"]:
                return WorkerClaims()
        return None

    def _signed(self, claims: list[object]) -> str:
        body = _encoded(json.dumps(claims, separators=(",", ":")).encode())
        return f"{_PREFIX}.{body}.{self._signature(body)}"

    def _signature(self, body: str) -> str:
        return _encoded(hmac.new(self._secret, f"{_PREFIX}.{body}".encode(), hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
