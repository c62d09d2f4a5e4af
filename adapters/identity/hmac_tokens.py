"""Tokens for workers and attempts, as signed claims. They are not stored: every process with the secret can verify them."""

import base64
import hashlib
import hmac
import json

from application.ports.access.execution_tokens import AttemptClaims, WorkerClaims

_PREFIX = "hg1"
_MIN_SECRET_BYTES = 32


class HmacTokens:
    """Issues and reads tokens of the form `hg1.<claims>.<HMAC-SHA-256 of the claims>`; both parts are base64url."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _MIN_SECRET_BYTES:
            raise ValueError(f"the secret must have at least {_MIN_SECRET_BYTES} bytes")
        self._secret = secret

    def issue_attempt_token(self, claims: AttemptClaims) -> str:
        return self._issue(["a", claims.run_id, claims.stage, claims.attempt])

    def issue_worker_token(self) -> str:
        return self._issue(["w"])

    def read(self, token: str) -> AttemptClaims | WorkerClaims | None:
        prefix, _, rest = token.partition(".")
        body, _, signature = rest.partition(".")
        if prefix != _PREFIX or not token.isascii() or not hmac.compare_digest(signature, self._sign(body)):
            return None
        match json.loads(_decode(body)):
            case ["a", int(run_id), str(stage), int(attempt)]:
                return AttemptClaims(run_id, stage, attempt)
            case ["w"]:
                return WorkerClaims()
        return None

    def _issue(self, claims: list[object]) -> str:
        body = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{_PREFIX}.{body}.{self._sign(body)}"

    def _sign(self, body: str) -> str:
        return _encode(hmac.new(self._secret, f"{_PREFIX}.{body}".encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
