"""What makes and checks credentials, and who else may say who somebody is."""

from typing import Protocol

from domain.access.api_tokens import TokenKind


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
