"""The person or program that acts on runs, pipelines and accounts."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, how they are known, and from which address. `name` is None where nobody is signed in, as on a laptop: then everything is
    theirs to decide."""

    name: str | None = None
    roles: Collection[str] = ()
    way: str | None = None
    address: str | None = None

    def is_listed_in(self, approvers: Collection[str]) -> bool:
        return not approvers or self.name is None or self.name in approvers or any(role in approvers for role in self.roles)


ANONYMOUS_ACTOR = Actor()
