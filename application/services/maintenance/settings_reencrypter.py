"""Encrypts the settings of channels with the present secret, after the secret was changed."""

from typing import Final

from application.ports.delivery.channel_settings import ChannelSettings
from application.ports.persistence.unit_of_work import OpenUnitOfWork

INTERVAL_SECONDS: Final = 30.0


class SettingsReencrypter:
    """Runs while the previous secret is set. Each channel is changed in a transaction of its own."""

    def __init__(self, open_unit_of_work: OpenUnitOfWork, channel_settings: ChannelSettings) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._channel_settings = channel_settings

    async def run_once(self) -> None:
        async with self._open_unit_of_work() as work:
            channels = await work.channels.list_all()
        for channel in channels:
            if self._channel_settings.reencrypt(channel.settings) is not None:
                await self._reencrypt(channel.name)

    async def _reencrypt(self, name: str) -> None:
        """Store the settings as they are now: an admin may have changed them meanwhile."""
        async with self._open_unit_of_work() as work:
            channel = await work.channels.lock(name)
            if channel is None:
                return
            encrypted = self._channel_settings.reencrypt(channel.settings)
            if encrypted is not None:
                await work.channels.save(channel.replace_encryption(encrypted))
                await work.commit()
