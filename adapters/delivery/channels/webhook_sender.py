"""Sends messages as signed webhooks (https://www.standardwebhooks.com)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final
from urllib.parse import urlsplit

from adapters.delivery.channels.reasons import clean_text, list_secrets, parse_retry_after
from adapters.delivery.channels.webhook_body import build_webhook_body
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_http import OutgoingHttp, OutgoingRequest, OutgoingResponse
from application.ports.delivery.outgoing_message import OutgoingMessage
from application.ports.system.clock import Clock
from domain.redirect_policy import REDIRECTS

_SUCCESS: Final = range(200, 300)
_GONE: Final = 410
_PERMANENT_STATUSES: Final = frozenset({400, 405, 413, 414, 415, 422})
"""Statuses that reject the request as such. A receiver that is being deployed may answer 401, 403 or 404 for a while."""
_MAX_RESPONSE_BYTES: Final = 2_000


class WebhookSender:
    """Posts messages. Only 2xx is success: a redirect could lead anywhere, so it fails, and 410 disables the channel."""

    def __init__(self, http: OutgoingHttp, clock: Clock, timeout: float) -> None:
        self._http = http
        self._clock = clock
        self._timeout = timeout

    async def send(self, settings: Mapping[str, Any], message: OutgoingMessage) -> None:
        """Send the message. Raise DeliveryFailed, AddressForbidden or Unavailable."""
        body = build_webhook_body(message)
        headers = self._sign(str(settings["secret"]), message.id, body)
        response = await self._http.send(
            OutgoingRequest("POST", settings["url"], headers, body.encode(), self._timeout, max_bytes=_MAX_RESPONSE_BYTES)
        )
        if response.status not in _SUCCESS:
            raise self._describe(settings["url"], response)

    def _sign(self, secret: str, message_id: str, body: str) -> dict[str, str]:
        from standardwebhooks import Webhook

        now = self._clock.now().astimezone(UTC)
        return {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, now, body),
        }

    def _describe(self, url: str, response: OutgoingResponse) -> DeliveryFailed:
        host = urlsplit(url).hostname
        if response.status == _GONE:
            return DeliveryFailed(f"{host} responded with 410: the receiver is gone.", disables_channel=True)
        if response.status in REDIRECTS:
            return DeliveryFailed(f"{host} answered {response.status}, a redirect. Webhooks do not follow redirects: set the final URL.")
        said = clean_text(response.body.decode("utf-8", "replace"), list_secrets(url))
        return DeliveryFailed(
            f"{host} answered {response.status}{f': {said}' if said else ''}.",
            parse_retry_after(response.headers, self._clock.now()),
            is_permanent=response.status in _PERMANENT_STATUSES,
        )
