"""Tokens for workers and attempts, as signed claims. They are not stored: every process with the secret can verify them."""

from adapters.identity.signed_claims import SignedClaims
from application.ports.access.execution_tokens import AttemptClaims, WorkerClaims

_PREFIX = "hg1"


class HmacTokens:
    """Issues and reads tokens of the form `hg1.<claims>.<signature>`."""

    def __init__(self, secret: bytes) -> None:
        self._claims = SignedClaims(_PREFIX, secret)

    def issue_attempt_token(self, claims: AttemptClaims) -> str:
        return self._claims.sign(["a", claims.run_id, claims.stage, claims.attempt])

    def issue_worker_token(self) -> str:
        return self._claims.sign(["w"])

    def read(self, token: str) -> AttemptClaims | WorkerClaims | None:
        match self._claims.read(token):
            case ["a", int(run_id), str(stage), int(attempt)]:
                return AttemptClaims(run_id, stage, attempt)
            case ["w"]:
                return WorkerClaims()
        return None
