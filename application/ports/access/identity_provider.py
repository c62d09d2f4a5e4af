"""Sign-in with an identity provider (OpenID Connect)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Who somebody is, in the words of an identity provider. `subject` is the issuer's own, never given to another; `email` is verified
    there, and so, unlike the name, nothing that people choose for themselves."""

    subject: str
    name: str
    groups: Sequence[str] = ()
    email: str | None = None


class IdentityProvider(Protocol):
    """OpenID Connect, authorization code with PKCE."""

    async def begin(self, redirect: str) -> tuple[str, str]:
        """The address to send the browser to, and what to remember of it until it comes back, signed. Unavailable."""
        ...

    async def finish(self, redirect: str, remembered: str, state: str, code: str) -> ExternalIdentity:
        """Who came back. NotSignedIn when anything does not fit; Unavailable."""
        ...

    async def close(self) -> None: ...
