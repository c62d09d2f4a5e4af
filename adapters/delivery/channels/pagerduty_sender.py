"""Sends messages as PagerDuty events (https://developer.pagerduty.com/docs/events-api-v2-overview)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from adapters.delivery.channels.reasons import clean_text, parse_retry_after
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_http import OutgoingHttp, OutgoingRequest
from application.ports.delivery.outgoing_message import OutgoingMessage
from application.ports.system.clock import Clock
from domain.alerts.message import MessageKind

BASE_URLS: Final = {"us": "https://events.pagerduty.com", "eu": "https://events.eu.pagerduty.com"}
_ACCEPTED: Final = 202
_INVALID: Final = 400
_MAX_SUMMARY: Final = 1_024
_MAX_DETAILS: Final = 8_000
_MAX_KEY: Final = 255


class PagerDutySender:
    """Triggers an alert for an incident, and resolves it, by the same `dedup_key`. `base_urls` are PagerDuty's by region."""

    def __init__(self, http: OutgoingHttp, clock: Clock, base_urls: Mapping[str, str], timeout: float) -> None:
        self._http = http
        self._clock = clock
        self._timeout = timeout
        self._base_urls = base_urls

    async def send(self, settings: Mapping[str, Any], message: OutgoingMessage) -> None:
        """Send the message. Raise DeliveryFailed, AddressForbidden or Unavailable."""
        key = str(settings["routing_key"])
        body = json.dumps({"routing_key": key, **build_event(message)}).encode()
        url = f"{self._base_urls[settings['region']]}/v2/enqueue"
        response = await self._http.send(
            OutgoingRequest("POST", url, {"Content-Type": "application/json"}, body, self._timeout, max_bytes=2_000)
        )
        if response.status == _ACCEPTED:
            return
        said = clean_text(response.body.decode("utf-8", "replace"), [key])
        raise DeliveryFailed(
            f"PagerDuty responded with {response.status}{f': {said}' if said else ''}.",
            parse_retry_after(response.headers, self._clock.now()),
            is_permanent=response.status == _INVALID,
        )


def build_event(message: OutgoingMessage) -> dict[str, Any]:
    """Return the event without its routing key."""
    event: dict[str, Any] = {"dedup_key": message.dedup_key[:_MAX_KEY], "client": "Headgate"}
    if message.kind is MessageKind.RECOVERED:
        return {**event, "event_action": "resolve"}
    payload = {
        "summary": message.subject[:_MAX_SUMMARY],
        "source": _get_source(message.data.get("pipeline"))[:_MAX_KEY],
        "severity": "info" if message.severity == "resolved" else message.severity,
        "timestamp": message.at.isoformat(),
        "custom_details": {"message": message.text[:_MAX_DETAILS]},
    }
    links = [{"href": link.url, "text": link.label} for link in message.links]
    return {**event, "event_action": "trigger", "payload": payload, "links": links, **({"client_url": links[0]["href"]} if links else {})}


def _get_source(pipeline: object) -> str:
    """Return the name of the pipeline that the message is about; "headgate" if it is about none."""
    name = pipeline.get("name") if isinstance(pipeline, Mapping) else None
    return str(name or "headgate")
