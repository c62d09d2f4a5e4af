"""A fake identity provider."""

from collections.abc import Sequence

from application.ports.access.identity_provider import ExternalIdentity
from domain.errors import NotSignedIn, Unavailable


class FakeIdentityProvider:
    """Signs in the person who is registered for the code."""

    def __init__(self) -> None:
        self.identities: dict[str, ExternalIdentity] = {}
        self.is_down = False

    def register(self, code: str, name: str, groups: Sequence[str] = ()) -> None:
        self.identities[code] = ExternalIdentity(f"issuer|{code}", name, groups)

    async def begin(self, redirect: str) -> tuple[str, str]:
        if self.is_down:
            raise Unavailable("The identity provider does not respond.")
        return f"https://id.example/authorize?redirect_uri={redirect}&state=state", f"remembered {redirect}"

    async def finish(self, redirect: str, remembered: str, state: str, code: str) -> ExternalIdentity:
        if self.is_down:
            raise Unavailable("The identity provider does not respond.")
        if remembered != f"remembered {redirect}" or state != "state" or code not in self.identities:
            raise NotSignedIn("The sign-in response does not match the request.")
        return self.identities[code]

    async def close(self) -> None:
        self.is_down = True
