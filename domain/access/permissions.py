"""Permissions, and the roles of people and scopes of tokens that grant them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    """What a route requires."""

    READ = "read"
    TRIGGER = "trigger"
    OPERATE = "operate"
    """Cancel, retry, skip, approve."""
    REPORT = "report"
    DEFINE = "define"
    ADMIN = "admin"
    """Accounts, tokens, the audit log."""


class Role(StrEnum):
    """The role of a person, in ascending order."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Scope(StrEnum):
    """A scope of an API token."""

    READ = "read"
    TRIGGER = "trigger"
    REPORT = "report"
    DEFINE = "define"
    ADMIN = "admin"


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


def describe_required_role(permission: Permission) -> str:
    """Return a sentence for a person without the permission."""
    role = next(role for role in Role if permission in ROLE_PERMISSIONS[role])
    return f"This requires the role {role}." if role is Role.ADMIN else f"This requires the role {role} or higher."


def describe_required_scope(permission: Permission) -> str:
    """Return a sentence for a token without the permission."""
    scope = next(scope for scope in Scope if permission in SCOPE_PERMISSIONS[scope])
    return f"This requires a token with the scope {scope}."
