"""A sender that keeps messages in memory, and can fail or hang."""

import asyncio
from collections import defaultdict

from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_message import OutgoingMessage
from domain.alerts.channel import Channel


class FakeChannelSender:
    """`sent` are the accepted messages by the channel's name, `tried` all messages.

    `failures` are those of a channel's next tries, `broken` those of all its tries. A channel in `hanging` does not respond before
    `answer` is called.
    """

    def __init__(self) -> None:
        self.sent: dict[str, list[OutgoingMessage]] = defaultdict(list)
        self.tried: dict[str, list[OutgoingMessage]] = defaultdict(list)
        self.failures: dict[str, list[DeliveryFailed]] = defaultdict(list)
        self.broken: dict[str, DeliveryFailed] = {}
        self.hanging: set[str] = set()
        self._answers: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def send(self, channel: Channel, message: OutgoingMessage) -> None:
        self.tried[channel.name].append(message)
        if channel.name in self.hanging:
            await self._answers[channel.name].wait()
        if self.failures[channel.name]:
            raise self.failures[channel.name].pop(0)
        if channel.name in self.broken:
            raise self.broken[channel.name]
        self.sent[channel.name].append(message)

    def answer(self, channel: str) -> None:
        """Let a channel that hangs accept what it was sent."""
        self.hanging.discard(channel)
        self._answers.pop(channel, asyncio.Event()).set()
