"""People's accounts, their sessions, and the tokens of programs."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.access.permissions import ROLE_PERMISSIONS, SCOPE_PERMISSIONS, AuthMethod, Caller, Permission, Role, Scope
from domain.errors import FieldProblem, InvalidInput

MIN_PASSWORD_LENGTH: Final = 12
MAX_PASSWORD_LENGTH: Final = 200
MAX_TOKEN_NAME_LENGTH: Final = 100
MAX_TOKEN_LIFETIME: Final = timedelta(days=3660)
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may sign in. `password` is a hash; without one they come by the identity provider, as `subject`."""

    id: int
    name: str
    role: Role
    created_at: datetime
    password: str | None = field(default=None, repr=False)
    subject: str | None = None
    disabled_at: datetime | None = None
    seen_at: datetime | None = None

    def caller(self) -> Caller:
        return Caller(AuthMethod.SESSION, ROLE_PERMISSIONS[self.role], self.name, self.role, self.id, has_password=self.password is not None)


@dataclass(frozen=True, slots=True)
class SessionRules:
    """How long a sign-in lasts: `idle` without a request, `absolute` at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    account_id: int
    created_at: datetime
    seen_at: datetime

    def is_expired(self, now: datetime, rules: SessionRules) -> bool:
        return now - self.seen_at >= rules.idle or now - self.created_at >= rules.absolute


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


def normalize_account_name(text: str) -> str:
    """The name as it is kept: lower case. InvalidInput."""
    name = text.strip().lower()
    if not _NAME.fullmatch(name):
        raise InvalidInput.of("name", "is 1 to 100 letters, digits and . _ @ + - and begins with a letter or digit")
    return name


def check_password(password: str, name: str) -> None:
    """Length is what counts. InvalidInput with what to do."""
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise InvalidInput.of(
            "password", f"has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters; a few words are easier to keep than signs"
        )
    if len(set(password)) < 5 or (name and password.lower().replace(name, "") == ""):
        raise InvalidInput.of("password", "is too easily guessed")


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
