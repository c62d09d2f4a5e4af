"""Sign-in with an identity provider (OpenID Connect)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """A person, as described by the identity provider. `subject` is unique and never reassigned. `email` is set only if the provider has
    verified it; people can choose their `name` themselves."""

    subject: str
    name: str
    groups: Sequence[str] = ()
    email: str | None = None


class IdentityProvider(Protocol):
    """OpenID Connect with the authorization code flow and PKCE."""

    async def begin(self, redirect: str) -> tuple[str, str]:
        """Return the URL to redirect the browser to, and the signed state to keep until it returns. Raises Unavailable."""
        ...

    async def finish(self, redirect: str, remembered: str, state: str, code: str) -> ExternalIdentity:
        """Return the identity of the returned browser. Raises NotSignedIn if the response does not match; Unavailable."""
        ...

    async def close(self) -> None: ...
