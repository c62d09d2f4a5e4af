"""The authenticated caller of a request and how it authenticated."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.access.actor import Actor
from domain.access.permissions import ALL_PERMISSIONS, Permission, Role, Scope


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
