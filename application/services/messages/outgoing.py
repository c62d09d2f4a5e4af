"""Builds the message that a channel sends from the content that is stored."""

from application.ports.delivery.outgoing_message import MessageLink, OutgoingMessage
from application.ports.persistence.deliveries import StoredMessage
from application.services.messages.content_rendering import render_html, render_text
from application.services.messages.message_content import MessageContent


def build_outgoing_message(message: StoredMessage, content: MessageContent, links: tuple[MessageLink, ...]) -> OutgoingMessage:
    return OutgoingMessage(
        id=message.id,
        dedup_key=content.dedup_key,
        kind=message.kind,
        severity=content.severity,
        subject=content.subject,
        text=render_text(content.blocks),
        html=render_html(content.subject, content.blocks),
        at=message.at,
        links=links,
        data=content.data,
    )
