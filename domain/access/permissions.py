"""Who may do what: roles of people, scopes of tokens, and the permissions both are made of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.runs.operator_actions import Actor


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


class AuthMethod(StrEnum):
    """How a caller is known."""

    OPEN_ACCESS = "nobody"
    """Nobody is signed in, and nobody needs to be: a Headgate of one machine."""
    ANONYMOUS = "anonymous"
    """Somebody who has yet to sign in."""
    SESSION = "session"
    TOKEN = "token"
    ATTEMPT = "attempt"
    WORKER = "worker"
    TERMINAL = "terminal"
    """Somebody at the terminal of the machine that Headgate runs on."""


ALL_PERMISSIONS: Final = frozenset(Permission)
ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({Permission.READ, Permission.TRIGGER, Permission.OPERATE, Permission.REPORT}),
    Role.ADMIN: ALL_PERMISSIONS,
}
SCOPE_PERMISSIONS: Final[Mapping[Scope, frozenset[Permission]]] = {
    Scope.READ: frozenset({Permission.READ}),
    Scope.TRIGGER: frozenset({Permission.TRIGGER, Permission.OPERATE}),
    Scope.REPORT: frozenset({Permission.REPORT}),
    Scope.DEFINE: frozenset({Permission.DEFINE}),
    Scope.ADMIN: ALL_PERMISSIONS,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what for they may. `pipeline_id`: the one pipeline that a token is bound to."""

    way: AuthMethod
    permissions: frozenset[Permission] = frozenset()
    name: str | None = None
    role: Role | None = None
    account_id: int | None = None
    token_id: int | None = None
    pipeline_id: int | None = None
    scopes: tuple[Scope, ...] = ()
    has_password: bool = False

    def has_permission(self, permission: Permission) -> bool:
        return permission in self.permissions

    def to_actor(self, address: str | None) -> Actor:
        """Who the history names. A token is never one of the people an approval names, unless it names the token."""
        roles: Collection[str] = (self.role.value,) if self.role is not None else ()
        name = f"token {self.name}" if self.way is AuthMethod.TOKEN else self.name
        return Actor(name, roles, self.way.value, address)


OPEN_ACCESS: Final = Caller(AuthMethod.OPEN_ACCESS, ALL_PERMISSIONS)
ANONYMOUS: Final = Caller(AuthMethod.ANONYMOUS)
ATTEMPT_CALLER: Final = Caller(AuthMethod.ATTEMPT, frozenset({Permission.REPORT}))
WORKER_CALLER: Final = Caller(AuthMethod.WORKER)


def describe_required_role(permission: Permission) -> str:
    """The sentence for a person who may not."""
    role = next(role for role in Role if permission in ROLE_PERMISSIONS[role])
    return f"This needs the role {role}." if role is Role.ADMIN else f"This needs the role {role} or more."


def describe_required_scope(permission: Permission) -> str:
    """The sentence for a token that is not good for it."""
    scope = next(scope for scope in Scope if permission in SCOPE_PERMISSIONS[scope])
    return f"This needs a token with the scope {scope}."
