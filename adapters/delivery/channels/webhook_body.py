"""The body of a webhook's message: small, with links to what it leaves out."""

from __future__ import annotations

import json
from typing import Any, Final

from application.ports.delivery.outgoing_message import OutgoingMessage
from domain.alerts.message import MessageKind

MAX_BODY_BYTES: Final = 20_000
_WITHOUT_INCIDENT: Final = frozenset({MessageKind.NOTICE, MessageKind.DIGEST, MessageKind.TEST, MessageKind.DRILL})
_TEXT_LENGTHS: Final = (4_000, 1_000, 200)
"""Characters of the text that are tried, until the body is small enough."""


def build_webhook_body(message: OutgoingMessage) -> str:
    """Return the JSON as Standard Webhooks recommends it: type, timestamp, data. It has at most MAX_BODY_BYTES bytes of ASCII."""
    for length in _TEXT_LENGTHS:
        body = _dump(message, length, dict(message.data))
        if len(body) <= MAX_BODY_BYTES:
            return body
    return _dump(message, 200, {})


def get_message_type(message: OutgoingMessage) -> str:
    return f"{'alert' if message.kind in _WITHOUT_INCIDENT else 'incident'}.{message.kind}"


def _dump(message: OutgoingMessage, length: int, facts: dict[str, Any]) -> str:
    text = message.text if len(message.text) <= length else message.text[: length - 1] + "…"
    data = {
        **facts,
        "severity": message.severity,
        "dedup_key": message.dedup_key,
        "subject": message.subject[:500],
        "text": text,
        "links": [{"label": link.label[:100], "url": link.url[:1_000]} for link in message.links[:8]],
    }
    # ASCII, so that a receiver's framework cannot change the signed text by decoding it.
    return json.dumps({"type": get_message_type(message), "timestamp": message.at.isoformat(), "data": data}, separators=(",", ":"))
