"""Checks the settings of channels and encrypts them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any, Final

from adapters.delivery.address_finder import AddressFinder
from adapters.delivery.channels import settings_kinds
from adapters.delivery.channels.settings_cipher import SettingsCipher, UnreadableSettings
from adapters.delivery.channels.settings_parser import SettingsParser
from application.ports.delivery.channel_settings import CheckedSettings
from domain.alerts.channel import Channel, ChannelKind

_KEYS: Final = {
    ChannelKind.WEBHOOK: {"url"},
    ChannelKind.PAGERDUTY: {"routing_key", "region"},
    ChannelKind.EMAIL: {"host", "port", "security", "user", "password", "from", "to"},
    ChannelKind.APPRISE: {"url"},
}
_SECRET_BYTES: Final = 32
"""The length of a webhook's secret; Standard Webhooks asks for 24 to 64 bytes."""


class EncryptedChannelSettings:
    """Checks settings by the kind of their channel. `https_only` refuses webhooks over http to other machines."""

    def __init__(self, cipher: SettingsCipher, http_finder: AddressFinder, smtp_finder: AddressFinder, *, https_only: bool) -> None:
        self._cipher = cipher
        self._http_finder = http_finder
        self._smtp_finder = smtp_finder
        self._https_only = https_only

    def check(self, kind: ChannelKind, raw: Mapping[str, Any], previous: Channel | None = None) -> CheckedSettings:
        """Return the settings, encrypted. Raise InvalidInput."""
        earlier = self._read(previous) if previous is not None and previous.kind is kind else {}
        parser = SettingsParser(_add_omitted(raw, earlier, _KEYS[kind]), _KEYS[kind])
        has_earlier_password = bool(earlier.get("password")) and "password" not in raw
        settings, summary = self._parse(kind, parser, earlier["host"] if has_earlier_password else None)
        generated = None
        if kind is ChannelKind.WEBHOOK:
            if not earlier.get("secret"):
                generated = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
            settings["secret"] = generated or earlier["secret"]
        return CheckedSettings(self._cipher.encrypt(settings), summary, generated)

    def reencrypt(self, encrypted: bytes) -> bytes | None:
        """Return the settings encrypted with the present secret. None if they are already, or if they cannot be decrypted."""
        return self._cipher.reencrypt(encrypted)

    def _parse(self, kind: ChannelKind, parser: SettingsParser, password_host: str | None) -> settings_kinds.Parsed:
        match kind:
            case ChannelKind.WEBHOOK:
                return settings_kinds.parse_webhook(parser, self._http_finder.check_written, https_only=self._https_only)
            case ChannelKind.PAGERDUTY:
                return settings_kinds.parse_pagerduty(parser)
            case ChannelKind.EMAIL:
                return settings_kinds.parse_email(parser, self._smtp_finder.check_written, password_host)
            case ChannelKind.APPRISE:
                return settings_kinds.parse_apprise(parser)

    def _read(self, channel: Channel) -> dict[str, Any]:
        """Return the present settings; none if they cannot be decrypted, so that all have to be entered again."""
        try:
            return self._cipher.decrypt(channel.settings)
        except UnreadableSettings:
            return {}


def _add_omitted(raw: Mapping[str, Any], earlier: Mapping[str, Any], keys: set[str]) -> dict[str, Any]:
    """Return the given settings, and the earlier values of those that are left out. Another kind of encryption has another port."""
    if raw.get("security") not in (None, earlier.get("security")):
        keys = keys - {"port"}
    return {**{key: value for key, value in earlier.items() if key in keys and value not in ("", None)}, **raw}
