"""Signed tokens of workers and attempts."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AttemptClaims:
    """The claims of an attempt's token, which is valid for reports about that attempt only."""

    run_id: int
    stage: str
    attempt: int


@dataclass(frozen=True, slots=True)
class WorkerClaims:
    """The claims of the token that all workers share."""


class ExecutionTokens(Protocol):
    def issue_attempt_token(self, claims: AttemptClaims) -> str: ...

    def issue_worker_token(self) -> str: ...

    def read(self, token: str) -> AttemptClaims | WorkerClaims | None:
        """Return the claims of the token; None if this installation did not issue it."""
        ...
