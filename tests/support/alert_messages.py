"""Messages and channels for tests of senders."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.channels.channel_senders import ChannelSenders
from adapters.delivery.channels.settings_cipher import SettingsCipher
from adapters.delivery.guarded_http import GuardedHttp
from adapters.system.clock import SystemClock
from application.ports.delivery.outgoing_message import MessageLink, OutgoingMessage
from domain.address_policy import AddressPolicy
from domain.alerts.channel import Channel, ChannelKind
from domain.alerts.message import MessageKind
from tests.support.http_receiver import HttpReceiver
from tests.support.mail_receiver import MailReceiver

AT = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
CIPHER = SettingsCipher(["s" * 32])
ROUTING_KEY = "R0" + "a1" * 15
SLACK_URL = "https://hooks.slack.com/services/T00000000/B00000000/aaaabbbbccccddddeeeeffff"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SECRETS = (ROUTING_KEY, "aaaabbbbccccddddeeeeffff", WEBHOOK_SECRET, "hook-token-1234", "mail-password-1")
"""Everything secret in the settings of the channels below."""


def a_message(id: str = "msg-1", **values: Any) -> OutgoingMessage:
    standard: dict[str, Any] = {
        "dedup_key": "incident-7",
        "kind": MessageKind.OPENED,
        "severity": "critical",
        "subject": "nightly-warehouse#27 failed at fact-orders: UniqueViolation",
        "text": "duplicate key value violates unique constraint",
        "html": "<h1>nightly-warehouse#27</h1><p>duplicate key value</p>",
        "at": AT,
        "links": (
            MessageLink("Run", "https://headgate.example.org/ui/runs/27"),
            MessageLink("Acknowledge", "https://h.example.org/x?a=1&b=2"),
        ),
        "data": {"incident": 7, "run": 27, "pipeline": {"id": 3, "name": "nightly-warehouse"}},
    }
    return OutgoingMessage(id=id, **{**standard, **values})


def a_channel(kind: ChannelKind, settings: dict[str, Any], name: str = "team") -> Channel:
    return Channel(1, name, kind, CIPHER.encrypt(settings), "summary", AT, "ada")


@dataclass
class AlertReceivers:
    """An HTTP receiver, which also plays chat services, a mail receiver, and a channel of each kind that leads to one of them."""

    http: HttpReceiver
    mail: MailReceiver
    channels: dict[ChannelKind, Channel] = field(default_factory=dict)

    def build_sender(self, timeout: float = 20.0, allow: tuple[str, ...] = ("127.0.0.1/32",)) -> ChannelSenders:
        networks = tuple(ipaddress.ip_network(network) for network in allow)
        finder = AddressFinder(AddressPolicy(networks, frozenset({self.http.port, self.mail.port})))
        urls = {"us": self.http.url, "eu": self.http.url + "/eu"}
        return ChannelSenders(CIPHER, GuardedHttp(finder, {}), finder, SystemClock(), urls, timeout)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, chat: ssl.SSLContext) -> AsyncIterator[AlertReceivers]:
        """Listen. `chat` has the certificate of the chat services."""
        mail = MailReceiver(password=("headgate", "mail-password-1"))
        async with HttpReceiver(tunnel=chat).open() as http, mail.open():
            receivers = cls(http, mail)
            webhook = {"url": f"{http.url}/in?token=hook-token-1234", "secret": WEBHOOK_SECRET}
            email: dict[str, Any] = {"host": mail.host, "port": mail.port, "security": "none", "user": "headgate"}
            email |= {"password": "mail-password-1", "from": "headgate@example.org", "to": ["ops@example.org"]}
            for kind, settings in (
                (ChannelKind.WEBHOOK, webhook),
                (ChannelKind.PAGERDUTY, {"routing_key": ROUTING_KEY, "region": "us"}),
                (ChannelKind.EMAIL, email),
                (ChannelKind.APPRISE, {"url": SLACK_URL}),
            ):
                receivers.channels[kind] = a_channel(kind, settings)
            yield receivers
