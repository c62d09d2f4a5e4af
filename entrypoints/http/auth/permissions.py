"""Access rules: what a route requires of its caller. Each route declares its rule with `@requires`."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from domain.access.permissions import Permission

READ, TRIGGER, OPERATE = Permission.READ, Permission.TRIGGER, Permission.OPERATE
REPORT, DEFINE, ADMIN = Permission.REPORT, Permission.DEFINE, Permission.ADMIN

SESSION_COOKIE: Final = "headgate"
"""The session's cookie, without the prefix that `cookies` adds."""
PIPELINE_PARAMETERS: Final = ("pipeline_id", "ref")
RUN_PARAMETERS: Final = ("id", "run_id")
"""Path parameters that name a pipeline, or a run."""
_RULE: Final = "access_rule"
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class AccessLevel(StrEnum):
    """Access rules other than a permission."""

    PUBLIC = "public"
    WORKER = "worker"
    """Only the token of a worker process."""
    SIGNED_IN = "signed in"
    """Any session, whatever its role: people manage their own account."""


class ResourceScope(StrEnum):
    """The resource a route is about. A token bound to one pipeline is compared with it."""

    PIPELINE = "pipeline"
    """The pipeline named in the path."""
    RUN = "run"
    """The run named in the path."""
    REPORT = "report"
    """The run or pipeline named in the body; the use case compares it."""


@dataclass(frozen=True, slots=True)
class AccessRule:
    """A required permission and the resource it applies to. Without a resource, tokens bound to one pipeline are refused."""

    requirement: Permission | AccessLevel
    resource: ResourceScope | None = None


class UndeclaredAccess(Exception):
    """A route was registered without `@requires`."""

    def __init__(self, path: str) -> None:
        super().__init__(f"The route {path} does not declare who may use it; add @requires(…) to its handler.")


def requires(requirement: Permission | AccessLevel, resource: ResourceScope | None = None) -> Callable[[Endpoint], Endpoint]:
    """Declare the access rule of a route's handler. The authorization middleware enforces it."""

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _RULE, AccessRule(requirement, resource))
        return endpoint

    return declare


def get_access_rule(endpoint: Callable[..., Any], path: str) -> AccessRule:
    """Return the rule that the handler declares. Raise UndeclaredAccess if it declares none."""
    rule = getattr(endpoint, _RULE, None)
    if not isinstance(rule, AccessRule):
        raise UndeclaredAccess(path)
    return rule
