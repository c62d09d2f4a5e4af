"""Builds what alerts send with, from the settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final, Protocol

from pydantic import SecretStr

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.channels.channel_senders import ChannelSenders
from adapters.delivery.channels.encrypted_settings import EncryptedChannelSettings
from adapters.delivery.channels.settings_cipher import SettingsCipher
from adapters.delivery.guarded_http import GuardedHttp
from application.ports.delivery.outgoing_http import OutgoingHttp
from application.ports.system.clock import Clock
from domain.address_policy import AddressPolicy

SMTP_PORTS: Final = frozenset({25, 465, 587, 2525})
"""Ports that mail may use besides those of HEADGATE_HTTP_PORTS."""


class AlertChannelSettings(Protocol):
    @property
    def auth(self) -> str: ...
    @property
    def http_allow(self) -> Sequence[str]: ...
    @property
    def http_ports(self) -> Sequence[int]: ...
    @property
    def previous_secret(self) -> SecretStr | None: ...
    def secret_key(self) -> str: ...


def build_outgoing_http(settings: AlertChannelSettings) -> GuardedHttp:
    return GuardedHttp(_build_finder(settings, frozenset()))


def build_channel_settings(settings: AlertChannelSettings) -> EncryptedChannelSettings:
    return EncryptedChannelSettings(
        _build_cipher(settings),
        _build_finder(settings, frozenset()),
        _build_finder(settings, SMTP_PORTS),
        https_only=settings.auth == "team",
    )


def build_channel_sender(settings: AlertChannelSettings, http: OutgoingHttp, clock: Clock) -> ChannelSenders:
    return ChannelSenders(_build_cipher(settings), http, _build_finder(settings, SMTP_PORTS), clock)


def _build_cipher(settings: AlertChannelSettings) -> SettingsCipher:
    previous = settings.previous_secret
    return SettingsCipher([settings.secret_key(), *([previous.get_secret_value()] if previous is not None else [])])


def _build_finder(settings: AlertChannelSettings, ports: frozenset[int]) -> AddressFinder:
    networks = tuple(ipaddress.ip_network(network) for network in settings.http_allow)
    return AddressFinder(AddressPolicy(networks, ports | frozenset(settings.http_ports)))
