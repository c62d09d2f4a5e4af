"""Sends messages through channels of every kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.channels.apprise_sender import AppriseSender
from adapters.delivery.channels.email_sender import EmailSender
from adapters.delivery.channels.pagerduty_sender import BASE_URLS, PagerDutySender
from adapters.delivery.channels.settings_cipher import SettingsCipher, UnreadableSettings
from adapters.delivery.channels.webhook_sender import WebhookSender
from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_http import OutgoingHttp
from application.ports.delivery.outgoing_message import OutgoingMessage
from application.ports.system.clock import Clock
from domain.address_policy import AddressForbidden
from domain.alerts.channel import Channel, ChannelKind
from domain.errors import Unavailable
from domain.text_validation import replace_unstorable

TIMEOUT: Final = 15.0
_MORE_FOR_MAIL: Final = 10.0
"""Seconds. A mail takes several exchanges, and servers may greet slowly on purpose."""


class ChannelSenders:
    """Decrypts a channel's settings, and passes the message to the sender of its kind."""

    def __init__(
        self,
        cipher: SettingsCipher,
        http: OutgoingHttp,
        smtp_finder: AddressFinder,
        clock: Clock,
        pagerduty_urls: Mapping[str, str] = BASE_URLS,
        timeout: float = TIMEOUT,
    ) -> None:
        self._cipher = cipher
        self._webhook = WebhookSender(http, clock, timeout)
        self._pagerduty = PagerDutySender(http, clock, pagerduty_urls, timeout)
        self._email = EmailSender(smtp_finder, timeout + _MORE_FOR_MAIL)
        self._apprise = AppriseSender(timeout)

    async def send(self, channel: Channel, message: OutgoingMessage) -> None:
        """Send the message once. Raise DeliveryFailed."""
        try:
            await self._send(channel, self._cipher.decrypt(channel.settings), _make_encodable(message))
        except (UnreadableSettings, AddressForbidden) as failure:
            raise DeliveryFailed(str(failure), is_permanent=True) from None
        except Unavailable as failure:
            raise DeliveryFailed(str(failure), may_have_arrived=not failure.nothing_done) from None

    async def _send(self, channel: Channel, settings: Mapping[str, Any], message: OutgoingMessage) -> None:
        match channel.kind:
            case ChannelKind.WEBHOOK:
                await self._webhook.send(settings, message)
            case ChannelKind.PAGERDUTY:
                await self._pagerduty.send(settings, message)
            case ChannelKind.EMAIL:
                await self._email.send(settings, channel.name, message)
            case ChannelKind.APPRISE:
                await self._apprise.send(settings, message)


def _make_encodable(message: OutgoingMessage) -> OutgoingMessage:
    """Return the message without NUL characters and lone surrogates, which receivers refuse."""
    subject, text, html = (replace_unstorable(each) for each in (message.subject, message.text, message.html))
    return replace(message, subject=subject, text=text, html=html)
