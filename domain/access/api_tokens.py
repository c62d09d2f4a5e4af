"""API tokens of programs and reporters."""

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
    """`reporter`: of a machine that reports about one pipeline, and does nothing else."""

    API = "api"
    REPORTER = "reporter"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token; the token itself is with whoever it was shown to, once. `hint` is its end, to tell it by."""

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
    """The day it was last used, no finer."""
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def caller(self) -> Caller:
        permissions: frozenset[Permission] = frozenset().union(*(SCOPE_PERMISSIONS[scope] for scope in self.scopes))
        return Caller(AuthMethod.TOKEN, permissions, self.name, token_id=self.id, pipeline_id=self.pipeline_id, scopes=self.scopes)


def check_new_token(
    name: str, kind: TokenKind, scopes: tuple[Scope, ...], pipeline_id: int | None, expires_at: datetime | None, now: datetime
) -> None:
    """InvalidInput naming every field at fault."""
    problems = []
    if not 1 <= len(name) <= MAX_TOKEN_NAME_LENGTH or not name.isprintable():
        problems.append(FieldProblem("name", f"is 1 to {MAX_TOKEN_NAME_LENGTH} printable characters: what or who the token is for"))
    if not scopes:
        problems.append(FieldProblem("scopes", "names at least one of " + ", ".join(Scope)))
    if kind is TokenKind.REPORTER and (scopes != (Scope.REPORT,) or pipeline_id is None):
        problems.append(FieldProblem("kind", "a reporter's token has the scope report alone, and one pipeline"))
    if pipeline_id is not None and {Scope.ADMIN, Scope.DEFINE} & set(scopes):
        problems.append(FieldProblem("scopes", "define and admin concern every pipeline; leave out the pipeline, or these"))
    if expires_at is not None and not now < expires_at <= now + MAX_TOKEN_LIFETIME:
        problems.append(FieldProblem("expires_at", "is in the future, ten years at most"))
    if problems:
        raise InvalidInput(problems)
