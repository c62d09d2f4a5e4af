"""Readable credentials and fast digests."""

import hashlib
from itertools import count

from domain.access.api_tokens import TokenKind


class FakeCredentials:
    def __init__(self) -> None:
        self._numbers = count(1)

    def new_token(self, kind: TokenKind) -> str:
        return f"hg_{kind}_{next(self._numbers)}_sum"

    def new_session(self) -> str:
        return f"session-{next(self._numbers)}"

    def is_token(self, text: str) -> bool:
        return text.startswith(("hg_api_", "hg_reporter_", "hg_worker_")) and text.endswith("_sum")

    def digest(self, text: str) -> bytes:
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

    def form_key(self, session: str) -> str:
        return f"form-of-{session}"
