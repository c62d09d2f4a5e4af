"""API tokens of programs, reporters and workers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.access.caller import AuthMethod, Caller
from domain.access.permissions import SCOPE_PERMISSIONS, Permission, Scope
from domain.errors import FieldProblem, InvalidInput

MAX_TOKEN_NAME_LENGTH: Final = 100
MAX_TOKEN_LIFETIME: Final = timedelta(days=3660)


class TokenKind(StrEnum):
    API = "api"
    REPORTER = "reporter"
    """The token of a machine that only reports, on one pipeline."""
    WORKER = "worker"
    """The token of worker processes, valid for worker routes only."""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """The stored data of a token, which does not include the token itself. `hint` is the end of the token, by which people recognize it."""

    id: int
    name: str
    kind: TokenKind
    scopes: tuple[Scope, ...]
    pipeline_id: int | None
    hint: str
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None = None
    used_on: datetime | None = None
    """The day of its last use."""
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def to_caller(self) -> Caller:
        if self.kind is TokenKind.WORKER:
            return Caller(AuthMethod.WORKER, name=self.name, token_id=self.id)
        permissions: frozenset[Permission] = frozenset().union(*(SCOPE_PERMISSIONS[scope] for scope in self.scopes))
        return Caller(AuthMethod.TOKEN, permissions, self.name, token_id=self.id, pipeline_id=self.pipeline_id, scopes=self.scopes)


def find_active_worker_token(name: str, tokens: Iterable[ApiToken], now: datetime) -> ApiToken | None:
    """Return the valid worker token of this name. There is at most one."""
    return next((token for token in tokens if token.kind is TokenKind.WORKER and token.name == name and token.is_valid(now)), None)


def check_worker_name(name: str, tokens: Iterable[ApiToken], now: datetime) -> None:
    """Raise InvalidInput if a valid worker token has this name."""
    if find_active_worker_token(name, tokens, now) is not None:
        raise InvalidInput.for_field("name", "belongs to an active worker token: choose another name, or revoke that token first")


def check_new_token(
    name: str, kind: TokenKind, scopes: tuple[Scope, ...], pipeline_id: int | None, expires_at: datetime | None, now: datetime
) -> None:
    """Raise InvalidInput with every invalid field."""
    problems = []
    if not 1 <= len(name) <= MAX_TOKEN_NAME_LENGTH or not name.isprintable():
        problems.append(FieldProblem("name", f"must be 1 to {MAX_TOKEN_NAME_LENGTH} printable characters"))
    if kind is TokenKind.WORKER:
        if scopes or pipeline_id is not None:
            problems.append(FieldProblem("kind", "a worker token has no scopes and no pipeline"))
    elif not scopes:
        problems.append(FieldProblem("scopes", "must name at least one of " + ", ".join(Scope)))
    if kind is TokenKind.REPORTER and (scopes != (Scope.REPORT,) or pipeline_id is None):
        problems.append(FieldProblem("kind", "a reporter token requires one pipeline and only the scope report"))
    if pipeline_id is not None and {Scope.ADMIN, Scope.DEFINE} & set(scopes):
        problems.append(FieldProblem("scopes", "define and admin apply to all pipelines: remove the pipeline or these scopes"))
    if expires_at is not None and not now < expires_at <= now + MAX_TOKEN_LIFETIME:
        problems.append(FieldProblem("expires_at", "must be in the future, at most ten years from now"))
    if problems:
        raise InvalidInput(problems)
