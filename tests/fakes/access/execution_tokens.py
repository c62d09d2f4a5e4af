"""Readable execution tokens. Only tokens with the same secret are valid."""

import re

from application.ports.access.execution_tokens import AttemptClaims, WorkerClaims


class FakeExecutionTokens:
    def __init__(self, secret: str = "secret") -> None:
        self._secret = secret

    def issue_attempt_token(self, claims: AttemptClaims) -> str:
        return f"fake-{self._secret}-attempt-{claims.run_id}-{claims.attempt}-{claims.stage}"

    def issue_worker_token(self) -> str:
        return f"fake-{self._secret}-worker-of-this-installation"  # settings require 32 characters

    def read(self, token: str) -> AttemptClaims | WorkerClaims | None:
        if token == self.issue_worker_token():
            return WorkerClaims()
        found = re.fullmatch(rf"fake-{re.escape(self._secret)}-attempt-([1-9][0-9]{{0,18}})-([1-9][0-9]{{0,8}})-(.+)", token)
        return AttemptClaims(int(found[1]), found[3], int(found[2])) if found else None
