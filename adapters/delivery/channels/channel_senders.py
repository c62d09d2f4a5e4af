"""Sends messages through channels of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
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

_TIMEOUT: Final = 30.0


class ChannelSenders:
    """Decrypts a channel's settings, and passes the message to the sender of its kind."""

    def __init__(
        self,
        cipher: SettingsCipher,
        http: OutgoingHttp,
        smtp_finder: AddressFinder,
        clock: Clock,
        pagerduty_urls: Mapping[str, str] = BASE_URLS,
    ) -> None:
        self._cipher = cipher
        self._webhook = WebhookSender(http, clock)
        self._pagerduty = PagerDutySender(http, clock, pagerduty_urls)
        self._email = EmailSender(smtp_finder)
        self._apprise = AppriseSender()

    async def send(self, channel: Channel, message: OutgoingMessage) -> None:
        """Send the message once. Raise DeliveryFailed."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                await self._send(channel, self._cipher.decrypt(channel.settings), message)
        except (UnreadableSettings, AddressForbidden) as failure:
            raise DeliveryFailed(str(failure), is_permanent=True) from None
        except Unavailable as failure:
            raise DeliveryFailed(str(failure)) from None
        except TimeoutError:
            raise DeliveryFailed(f"The message was not accepted within {_TIMEOUT:g} seconds.") from None

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
