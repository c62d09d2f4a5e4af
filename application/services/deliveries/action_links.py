"""Builds the links of a message, with the tokens that its recipients use."""

from datetime import datetime, timedelta
from typing import Final

from application.ports.access.action_tokens import ActionClaims, ActionTokens
from application.ports.delivery.outgoing_message import MessageLink
from application.ports.delivery.page_urls import PageUrls
from application.services.messages.message_content import MessageContent
from domain.alerts.delivery import Delivery

LINK_LIFETIME: Final = timedelta(days=7)
"""How long a link of a message can be used."""


class ActionLinks:
    """A link acts once. It leads to a page that asks for a confirmation, because mail scanners open links.

    Each delivery has tokens of its own, the same ones in each try, so that a repeated message has the same text.
    """

    def __init__(self, tokens: ActionTokens, page_urls: PageUrls) -> None:
        self._tokens = tokens
        self._page_urls = page_urls

    def build(self, content: MessageContent, delivery_id: int, at: datetime) -> tuple[MessageLink, ...]:
        """Return the links to pages and actions. `at` is when the message was planned."""
        links = [MessageLink(link.label, link.url) for link in content.links]
        for action, label in content.actions:
            token = self._tokens.issue(ActionClaims(action, delivery_id, at))
            links.append(MessageLink(label, self._page_urls.link(token)))
        return tuple(links)

    def read(self, token: str) -> ActionClaims | None:
        """Return the claims of a link's token; None if it is none of this installation's."""
        return self._tokens.read(token)


def is_expired(claims: ActionClaims, delivery: Delivery, now: datetime) -> bool:
    """Return True if the message was sent too long ago. It may have been planned long before that."""
    sent_at = delivery.sent_at or delivery.first_tried_at or claims.issued_at
    return now > sent_at + LINK_LIFETIME
