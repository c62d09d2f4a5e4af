"""Tokens that Headgate makes for workers and for attempts."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AttemptClaims:
    """What an attempt's token is good for: reports about that attempt of that stage of that run."""

    run_id: int
    stage: str
    attempt: int


@dataclass(frozen=True, slots=True)
class WorkerClaims:
    """The token of worker processes."""


class ExecutionTokens(Protocol):
    def issue_attempt_token(self, claims: AttemptClaims) -> str: ...

    def issue_worker_token(self) -> str: ...

    def read(self, token: str) -> AttemptClaims | WorkerClaims | None:
        """What the token is good for; None when Headgate did not make it."""
        ...
