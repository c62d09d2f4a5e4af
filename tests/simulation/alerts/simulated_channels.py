"""Channels whose receivers answer late, refuse, lose their answers, or are away for a while."""

import asyncio
from random import Random
from typing import NamedTuple

from application.ports.delivery.channel_sender import DeliveryFailed
from application.ports.delivery.outgoing_message import OutgoingMessage
from domain.alerts.channel import Channel

MAX_SEND_SECONDS = 20.0


class Arrival(NamedTuple):
    """A message that a receiver accepted, with the virtual time."""

    at: float
    channel: str
    message: OutgoingMessage


class SimulatedChannels:
    """The receivers of all processes. `away` are those that refuse everything; `lost_answers` counts the answers that were lost."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.arrivals: list[Arrival] = []
        self.away: set[str] = set()
        self.refusals = self.lost = 0.0
        """The chances that a receiver refuses a message, and that its answer is lost."""
        self.lost_answers = 0

    async def send(self, channel: Channel, message: OutgoingMessage) -> None:
        await asyncio.sleep(self._random.choice((0.01, 0.1, 0.5, 2.0)))
        if channel.name in self.away or self._random.random() < self.refusals:
            raise DeliveryFailed("The receiver answered 503.", retry_after=self._random.choice((None, None, 40.0)))
        self.arrivals.append(Arrival(asyncio.get_running_loop().time(), channel.name, message))
        if self._random.random() < self.lost:
            self.lost_answers += 1
            await asyncio.sleep(MAX_SEND_SECONDS - 5)
            raise DeliveryFailed("The receiver did not respond in time.", may_have_arrived=True)
        await asyncio.sleep(self._random.choice((0.01, 0.1, 2.0)))
