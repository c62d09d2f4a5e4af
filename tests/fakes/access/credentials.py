"""Credentials a person can read, and hashes that are quick; they keep the real ones' promises."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import count

from application.ports.access.identity_provider import ExternalIdentity
from domain.access.api_tokens import TokenKind
from domain.errors import NotSignedIn, Unavailable


class FakeCredentials:
    def __init__(self) -> None:
        self._numbers = count(1)

    def new_token(self, kind: TokenKind) -> str:
        return f"hg_{kind}_{next(self._numbers)}_sum"

    def new_session(self) -> str:
        return f"session-{next(self._numbers)}"

    def is_token(self, text: str) -> bool:
        return text.startswith(("hg_api_", "hg_reporter_")) and text.endswith("_sum")

    def digest(self, text: str) -> bytes:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    def form_key(self, session: str) -> str:
        return f"form-of-{session}"


class FakePasswordHasher:
    """`compared` counts: a name that does not exist must cost as much."""

    def __init__(self) -> None:
        self._salts = count(1)
        self.compared = 0

    async def hash(self, password: str) -> str:
        return f"hash-{next(self._salts)}-{hashlib.sha256(password.encode()).hexdigest()}"

    async def verify(self, password: str, hashed: str | None) -> bool:
        self.compared += 1
        return hashed is not None and hashed.endswith(hashlib.sha256(password.encode()).hexdigest())


class FakeSignInLimiter:
    def __init__(self, at_most: int = 5) -> None:
        self._at_most = at_most
        self._failures: Counter[tuple[str, str | None]] = Counter()

    def allows(self, name: str, address: str | None) -> bool:
        return self._failures[name, address] < self._at_most

    def record_failure(self, name: str, address: str | None) -> None:
        self._failures[name, address] += 1


class FakeIdentityProvider:
    """Whoever is named in `code` comes back."""

    def __init__(self) -> None:
        self.people: dict[str, ExternalIdentity] = {}
        self.is_down = False

    def knows(self, code: str, name: str, groups: Sequence[str] = ()) -> None:
        self.people[code] = ExternalIdentity(f"issuer|{code}", name, groups)

    async def begin(self, redirect: str) -> tuple[str, str]:
        if self.is_down:
            raise Unavailable("The identity provider does not answer.")
        return f"https://id.example/authorize?redirect_uri={redirect}&state=state", f"remembered {redirect}"

    async def finish(self, redirect: str, remembered: str, state: str, code: str) -> ExternalIdentity:
        if self.is_down:
            raise Unavailable("The identity provider does not answer.")
        if remembered != f"remembered {redirect}" or state != "state" or code not in self.people:
            raise NotSignedIn("The sign-in did not come back as it left.")
        return self.people[code]

    async def close(self) -> None:
        self.is_down = True
