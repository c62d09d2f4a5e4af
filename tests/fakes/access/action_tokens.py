"""Readable tokens of links. Only tokens with the same secret are valid."""

import re
from datetime import UTC, datetime

from application.ports.access.action_tokens import ActionClaims, LinkAction


class FakeActionTokens:
    def __init__(self, secret: str = "secret") -> None:
        self._secret = secret

    def issue(self, claims: ActionClaims) -> str:
        return f"fake-{self._secret}-{claims.action.value}-{claims.delivery_id}-{int(claims.issued_at.timestamp())}"

    def read(self, token: str) -> ActionClaims | None:
        actions = "|".join(action.value for action in LinkAction)
        found = re.fullmatch(rf"fake-{re.escape(self._secret)}-({actions})-([1-9][0-9]{{0,18}})-([0-9]{{1,12}})", token)
        return ActionClaims(LinkAction(found[1]), int(found[2]), datetime.fromtimestamp(int(found[3]), UTC)) if found else None
