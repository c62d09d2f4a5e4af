"""Builds the mail for a message."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any, Final

from application.ports.delivery.outgoing_message import MessageLink, OutgoingMessage

_MAX_SUBJECT: Final = 250
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    '<meta name="viewport" content="width=device-width"></head><body>{}{}</body></html>'
)


def build_mail(settings: Mapping[str, Any], channel: str, message: OutgoingMessage) -> EmailMessage:
    """Return the mail, the same in every try. Mails about one incident refer to the same identifier, so that they form a thread."""
    sender, domain = settings["from"], str(settings["from"]).rpartition("@")[2].lower()
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = to_header_text(message.subject) or "Headgate"
    mail["From"] = Address("Headgate", addr_spec=sender)
    mail["To"] = [Address(addr_spec=address) for address in settings["to"]]
    mail["Date"] = message.at
    mail["Message-ID"] = build_message_id(f"message {message.id} {channel}", domain)
    mail["References"] = build_message_id(f"incident {message.dedup_key} {channel}", domain)
    mail["In-Reply-To"] = build_message_id(f"incident {message.dedup_key} {channel}", domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = f"Headgate alerts <{channel}.headgate.{domain}>"
    if message.severity == "critical":
        mail["Importance"] = "high"
    mail.set_content(_to_text(message), charset="utf-8")
    mail.add_alternative(_PAGE.format(_encodable(message.html), _list_links(message.links)), subtype="html", charset="utf-8")
    mail.set_boundary(f"=_{_hash(f'boundary {message.id} {channel}')}")  # the default one is random
    return mail


def build_message_id(text: str, domain: str) -> str:
    """Return an identifier that depends on the text only."""
    return f"<{_hash(text)}@{domain}>"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:40]


def to_header_text(text: str) -> str:
    """Return the text on one line. A line break in it could otherwise begin another header."""
    line = "".join(character if character.isprintable() else " " for character in _encodable(text))
    line = re.sub(r"\s+", " ", line).strip()
    return line if len(line) <= _MAX_SUBJECT else line[: _MAX_SUBJECT - 1] + "…"


def _to_text(message: OutgoingMessage) -> str:
    links = "".join(f"\n{link.label}: {link.url}" for link in message.links)
    return _encodable(f"{message.text.rstrip()}\n{links}\n")


def _list_links(links: tuple[MessageLink, ...]) -> str:
    items = "".join(f'<p><a href="{html.escape(link.url)}">{html.escape(link.label)}</a></p>' for link in links)
    return _encodable(items)


def _encodable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
