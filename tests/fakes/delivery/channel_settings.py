"""Settings of channels, "encrypted" as plain JSON."""

import json
from collections.abc import Mapping
from typing import Any

from application.ports.delivery.channel_settings import CheckedSettings
from domain.alerts.channel import Channel, ChannelKind
from domain.errors import InvalidInput


class FakeChannelSettings:
    """Accepts all settings but those with a key that begins with "bad"."""

    def check(self, kind: ChannelKind, raw: Mapping[str, Any], previous: Channel | None = None) -> CheckedSettings:
        for key in raw:
            if key.startswith("bad"):
                raise InvalidInput.for_field(f"settings.{key}", "is bad")
        earlier = json.loads(previous.settings) if previous is not None and previous.kind is kind else {}
        settings = {key: value for key, value in {**earlier, **raw}.items() if value is not None}
        generated = "whsec_generated" if kind is ChannelKind.WEBHOOK and "secret" not in earlier else None
        if generated is not None:
            settings["secret"] = generated
        return CheckedSettings(json.dumps(settings).encode(), f"{kind} summary", generated)

    def reencrypt(self, encrypted: bytes) -> bytes | None:
        """Settings of the previous secret begin with "old"."""
        return encrypted.removeprefix(b"old") if encrypted.startswith(b"old") else None
