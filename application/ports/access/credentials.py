"""What makes and checks credentials, and who else may say who somebody is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.access.accounts import TokenKind


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """Who somebody is, in the words of an identity provider. `subject` is the issuer's own, never given to another; `email` is verified
    there, and so, unlike the name, nothing that people choose for themselves."""

    subject: str
    name: str
    groups: Sequence[str] = ()
    email: str | None = None


class PasswordHasher(Protocol):
    async def hash(self, password: str) -> str:
        """As argon2id; takes a tenth of a second on purpose."""
        ...

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Takes as long when there is no hash to compare with."""
        ...


class Credentials(Protocol):
    """Random keys, and what is stored of them."""

    def new_token(self, kind: TokenKind) -> str: ...

    def new_session(self) -> str: ...

    def is_token(self, text: str) -> bool:
        """Looks like one of ours and its checksum is right: a mistyped one is known without the store."""
        ...

    def digest(self, text: str) -> bytes: ...

    def form_key(self, session: str) -> str:
        """What the forms of that session's pages carry."""
        ...


class SignInLimiter(Protocol):
    """How often somebody may try to sign in; in this process alone."""

    def allows(self, name: str, address: str | None) -> bool:
        """Whether another try is permitted now; takes nothing."""
        ...

    def record_failure(self, name: str, address: str | None) -> None: ...


class IdentityProvider(Protocol):
    """OpenID Connect, authorization code with PKCE."""

    async def begin(self, redirect: str) -> tuple[str, str]:
        """The address to send the browser to, and what to remember of it until it comes back, signed. Unavailable."""
        ...

    async def finish(self, redirect: str, remembered: str, state: str, code: str) -> ExternalIdentity:
        """Who came back. NotSignedIn when anything does not fit; Unavailable."""
        ...

    async def close(self) -> None: ...
