"""The person or program that acts."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """The person or program that acts, as the history shows it.

    `name` is None if Headgate runs without sign-in, as on a laptop; such an actor may decide every approval. `auth_method` and `address`
    say how and from where the request came.
    """

    name: str | None = None
    roles: Collection[str] = ()
    auth_method: str | None = None
    address: str | None = None

    def is_listed_in(self, approvers: Collection[str]) -> bool:
        """Return True if the approvers include the actor's name or role, or if there are none."""
        return not approvers or self.name is None or self.name in approvers or any(role in approvers for role in self.roles)


ANONYMOUS_ACTOR = Actor()
