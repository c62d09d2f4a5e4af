"""Settings of channels: checked, then encrypted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from domain.alerts.channel import Channel, ChannelKind


@dataclass(frozen=True, slots=True)
class CheckedSettings:
    """Encrypted settings. `summary` describes them without secrets. `generated_secret` is given to the creator of the channel only."""

    encrypted: bytes
    summary: str
    generated_secret: str | None = None


class ChannelSettings(Protocol):
    """Checks and encrypts the settings of channels."""

    def check(self, kind: ChannelKind, raw: Mapping[str, Any], previous: Channel | None = None) -> CheckedSettings:
        """Return the settings, encrypted. Keys that are left out keep their value of `previous`, if it has the same kind; null removes one.

        Raises InvalidInput. Its fields are the keys of `raw`, with the prefix `settings.`.
        """
        ...

    def reencrypt(self, encrypted: bytes) -> bytes | None:
        """Return the settings encrypted with the present secret. None if they are already, or if no known secret can decrypt them."""
        ...
