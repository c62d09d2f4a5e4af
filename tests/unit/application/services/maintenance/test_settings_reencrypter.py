"""After a change of the secret, the settings of channels are encrypted with the new one."""

from __future__ import annotations

from datetime import UTC, datetime

from application.services.maintenance.settings_reencrypter import SettingsReencrypter
from domain.alerts.channel import Channel, ChannelKind
from tests.fakes.adapters import FakeAdapters

NOW = datetime(2026, 11, 29, tzinfo=UTC)


async def test_only_settings_of_the_previous_secret_are_changed() -> None:
    fakes = FakeAdapters()
    settings = {"a": b"old{}", "b": b"{}", "c": b'old{"url": "x"}'}
    async with fakes.open_unit_of_work() as work:
        for name, encrypted in settings.items():
            await work.channels.add(Channel(0, name, ChannelKind.WEBHOOK, encrypted, "summary", NOW, "ada", disabled_at=NOW))
        await work.commit()
    reencrypter = SettingsReencrypter(fakes.open_unit_of_work, fakes.channel_settings)

    for _ in range(2):
        await reencrypter.run_once()

    async with fakes.open_unit_of_work() as work:
        stored = await work.channels.list_all()
    assert [(each.name, each.settings, each.disabled_at) for each in stored] == [
        ("a", b"{}", NOW),
        ("b", b"{}", NOW),
        ("c", b'{"url": "x"}', NOW),
    ]
