"""Who may do what: roles of people, scopes of tokens, and the permissions both are made of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.controls import Person


class Permission(StrEnum):
    """What a route can ask for."""

    READ = "read"
    TRIGGER = "trigger"
    OPERATE = "operate"
    """Cancel, retry, skip, approve."""
    REPORT = "report"
    DEFINE = "define"
    ADMIN = "admin"
    """Accounts, tokens, the audit log."""


class Role(StrEnum):
    """What a person is."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token is good for."""

    READ = "read"
    TRIGGER = "trigger"
    REPORT = "report"
    DEFINE = "define"
    ADMIN = "admin"


class Way(StrEnum):
    """How a caller is known."""

    NOBODY = "nobody"
    """Nobody is signed in, and nobody needs to be: a Headgate of one machine."""
    ANONYMOUS = "anonymous"
    """Somebody who has yet to sign in."""
    SESSION = "session"
    TOKEN = "token"
    ATTEMPT = "attempt"
    WORKER = "worker"
    TERMINAL = "terminal"
    """Somebody at the terminal of the machine that Headgate runs on."""


EVERYTHING: Final = frozenset(Permission)
OF_ROLE: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({Permission.READ, Permission.TRIGGER, Permission.OPERATE, Permission.REPORT}),
    Role.ADMIN: EVERYTHING,
}
OF_SCOPE: Final[Mapping[Scope, frozenset[Permission]]] = {
    Scope.READ: frozenset({Permission.READ}),
    Scope.TRIGGER: frozenset({Permission.TRIGGER, Permission.OPERATE}),
    Scope.REPORT: frozenset({Permission.REPORT}),
    Scope.DEFINE: frozenset({Permission.DEFINE}),
    Scope.ADMIN: EVERYTHING,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what for they may. `pipeline_id`: the one pipeline that a token is bound to."""

    way: Way
    permissions: frozenset[Permission] = frozenset()
    name: str | None = None
    role: Role | None = None
    account_id: int | None = None
    token_id: int | None = None
    pipeline_id: int | None = None
    scopes: tuple[Scope, ...] = ()
    has_password: bool = False

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def person(self, address: str | None) -> Person:
        """Who the history names. A token is never one of the people an approval names, unless it names the token."""
        roles: Collection[str] = (self.role.value,) if self.role is not None else ()
        name = f"token {self.name}" if self.way is Way.TOKEN else self.name
        return Person(name, roles, self.way.value, address)


NOBODY: Final = Caller(Way.NOBODY, EVERYTHING)
ANONYMOUS: Final = Caller(Way.ANONYMOUS)
AN_ATTEMPT: Final = Caller(Way.ATTEMPT, frozenset({Permission.REPORT}))
A_WORKER: Final = Caller(Way.WORKER)


def needed_for(permission: Permission) -> str:
    """The sentence for a person who may not."""
    role = next(role for role in Role if permission in OF_ROLE[role])
    return f"This needs the role {role}." if role is Role.ADMIN else f"This needs the role {role} or more."


def scope_for(permission: Permission) -> str:
    """The sentence for a token that is not good for it."""
    scope = next(scope for scope in Scope if permission in OF_SCOPE[scope])
    return f"This needs a token with the scope {scope}."
