"""Random keys of tokens and sessions."""

from typing import Protocol

from domain.access.api_tokens import TokenKind


class Credentials(Protocol):
    """Creates random keys. The store has their digests only."""

    def new_token(self, kind: TokenKind) -> str: ...

    def new_session(self) -> str: ...

    def is_token(self, text: str) -> bool:
        """Return True if the text has the form of a token and a valid checksum, which detects typing errors without the store."""
        ...

    def digest(self, text: str) -> bytes: ...

    def form_key(self, session: str) -> str:
        """Return the CSRF key that the session's forms contain."""
        ...
