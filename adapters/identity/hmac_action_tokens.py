"""Tokens for the links of messages, as signed claims."""

from datetime import UTC, datetime

from adapters.identity.signed_claims import SignedClaims
from application.ports.access.action_tokens import ActionClaims, LinkAction

_PREFIX = "hga1"


class HmacActionTokens:
    """Issues tokens of the form `hga1.<claims>.<signature>`. While the secret is changed, reads those of the previous one, too."""

    def __init__(self, secret: bytes, previous_secret: bytes | None = None) -> None:
        self._claims = SignedClaims(_PREFIX, secret)
        self._accepted = [self._claims] + ([SignedClaims(_PREFIX, previous_secret)] if previous_secret is not None else [])

    def issue(self, claims: ActionClaims) -> str:
        return self._claims.sign([claims.action.value, claims.delivery_id, int(claims.issued_at.timestamp())])

    def read(self, token: str) -> ActionClaims | None:
        for accepted in self._accepted:
            match accepted.read(token):
                case [str(action), int(delivery_id), int(issued)] if action in set(LinkAction):
                    return ActionClaims(LinkAction(action), delivery_id, datetime.fromtimestamp(issued, UTC))
        return None
