"""Sends alert messages through channels."""

from typing import Protocol

from application.ports.delivery.outgoing_message import OutgoingMessage
from domain.alerts.channel import Channel


class DeliveryFailed(Exception):
    """The message was not delivered, as far as is known. `reason` is a sentence without secrets.

    With `may_have_arrived` the receiver got the message and did not respond.

    `retry_after` is the delay, in seconds, that the receiver asks for. With `is_permanent` another try would fail as well. With
    `disables_channel` the receiver says that it no longer exists.
    """

    def __init__(
        self,
        reason: str,
        retry_after: float | None = None,
        *,
        is_permanent: bool = False,
        disables_channel: bool = False,
        may_have_arrived: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.is_permanent = is_permanent
        self.disables_channel = disables_channel
        self.may_have_arrived = may_have_arrived


class ChannelSender(Protocol):
    """Sends messages through channels of every kind."""

    async def send(self, channel: Channel, message: OutgoingMessage) -> None:
        """Send the message once. Return when the receiver has accepted it; raise DeliveryFailed otherwise.

        It takes 25 seconds at most. A repeated message has the same identifier at the receiver: `webhook-id`, `Message-ID`, `dedup_key`.
        """
        ...
