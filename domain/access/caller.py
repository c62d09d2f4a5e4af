"""The caller of a request, and how it authenticated."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.access.actor import Actor
from domain.access.permissions import ALL_PERMISSIONS, Permission, Role, Scope


class AuthMethod(StrEnum):
    """How a caller authenticated."""

    OPEN_ACCESS = "nobody"
    """Headgate runs without sign-in, as on a laptop."""
    ANONYMOUS = "anonymous"
    """Sign-in is required, and the caller has not signed in."""
    SESSION = "session"
    TOKEN = "token"
    ATTEMPT = "attempt"
    WORKER = "worker"
    TERMINAL = "terminal"
    """A user of the command line on the machine that runs Headgate."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request and its permissions. `pipeline_id` is the only pipeline that a token is valid for."""

    auth_method: AuthMethod
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
        """Return the actor that the history shows. A token's name has a prefix, so that it never equals the name of a person.

        The token that workers derive from the secret has no name.
        """
        roles: Collection[str] = (self.role.value,) if self.role is not None else ()
        is_token = self.auth_method in (AuthMethod.TOKEN, AuthMethod.WORKER) and self.name is not None
        name = f"token {self.name}" if is_token else self.name
        return Actor(name, roles, self.auth_method.value, address)


OPEN_ACCESS: Final = Caller(AuthMethod.OPEN_ACCESS, ALL_PERMISSIONS)
ANONYMOUS: Final = Caller(AuthMethod.ANONYMOUS)
ATTEMPT_CALLER: Final = Caller(AuthMethod.ATTEMPT, frozenset({Permission.REPORT}))
WORKER_CALLER: Final = Caller(AuthMethod.WORKER)
