"""Encrypts the settings of channels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

_PURPOSE: Final = b"headgate channel settings 1"
_ADVICE: Final = "Set HEADGATE_PREVIOUS_SECRET to the secret of that time, or enter the settings again."


class UnreadableSettings(Exception):
    """The settings cannot be decrypted. The message says what to do."""


class SettingsCipher:
    """Encrypts with a key derived from the first secret, and decrypts with those of all. Loads `cryptography` when first used."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)
        self._fernet: MultiFernet | None = None

    def encrypt(self, settings: Mapping[str, Any]) -> bytes:
        return self._load().encrypt(json.dumps(settings).encode())

    def decrypt(self, encrypted: bytes) -> dict[str, Any]:
        """Return the settings. Raise UnreadableSettings."""
        from cryptography.fernet import InvalidToken

        try:
            settings = json.loads(self._load().decrypt(encrypted))
        except (InvalidToken, ValueError, TypeError):
            settings = None
        if not isinstance(settings, dict):
            raise UnreadableSettings(f"The channel's settings cannot be read: another secret has encrypted them. {_ADVICE}")
        return settings

    def reencrypt(self, encrypted: bytes) -> bytes | None:
        """Return the settings encrypted with the first secret. None if they are already, or if they cannot be decrypted."""
        try:
            SettingsCipher(self._secrets[:1]).decrypt(encrypted)
        except UnreadableSettings:
            pass
        else:
            return None
        try:
            return self.encrypt(self.decrypt(encrypted))
        except UnreadableSettings:
            return None

    def _load(self) -> MultiFernet:
        if self._fernet is None:
            from cryptography.fernet import Fernet, MultiFernet

            self._fernet = MultiFernet([Fernet(_derive_key(secret)) for secret in self._secrets])
        return self._fernet


def _derive_key(secret: str) -> bytes:
    from base64 import urlsafe_b64encode

    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return urlsafe_b64encode(HKDF(SHA256(), 32, None, _PURPOSE).derive(secret.encode()))
