"""Messages of alerts, and their deliveries to channels."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from domain.alerts.delivery import Delivery, HeldBy
from domain.alerts.message import MessageKind

MAX_IN_FLIGHT = 4
"""Deliveries of one channel that are leased at a time."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """What a message says, whatever the channel. `content` is JSON; its `subject` is shown in lists of deliveries.

    At first, `content` has only the facts; the text, with the key `blocks`, is stored when the message is sent for the first time.
    `id` is the id that receivers see. `incident_id` is None for a notice, a digest, a test and a drill; `pipeline_id` is None if the
    message is not about one pipeline.
    """

    id: str
    kind: MessageKind
    content: Mapping[str, Any]
    at: datetime
    incident_id: int | None = None
    pipeline_id: int | None = None


class KindedDelivery(NamedTuple):
    """A delivery and the kind of its message."""

    kind: MessageKind
    delivery: Delivery


class ClaimedDelivery(NamedTuple):
    """A leased delivery. With `was_interrupted` an earlier lease ended without a result, so the message may have been sent."""

    delivery: Delivery
    was_interrupted: bool


class Deliveries(Protocol):
    """Deliveries are claimed for a limited time, sent outside of any transaction, and then saved."""

    async def add_messages(self, messages: Sequence[StoredMessage]) -> None:
        """Store new messages."""
        ...

    async def find_messages(self, message_ids: Collection[str]) -> Mapping[str, StoredMessage]:
        """Return the messages that exist by id."""
        ...

    async def compose(self, message_id: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store the content of a message that has no `blocks` yet, and return the content that is stored afterwards.

        So all deliveries of a message say the same, whichever process composed it first.
        """
        ...

    async def find_channels(self, message_id: str) -> set[int]:
        """Return the ids of the channels for which the message has a delivery."""
        ...

    async def add(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Store new deliveries of stored messages, and return them with their ids, in this order."""
        ...

    async def claim_due(
        self, now: datetime, limit: int, lease_seconds: float, excluded_channels: Collection[int] = ()
    ) -> list[ClaimedDelivery]:
        """Lease deliveries that are due at `now`, those that are due first come first, and return them with their leases.

        Leases last so many seconds of the store's clock. A delivery whose lease is over is due again. At most MAX_IN_FLIGHT deliveries of a
        channel are leased at a time, by all processes. Channels that another process is claiming are left out, as are `excluded_channels`.
        Deliveries of disabled channels are claimed, too.
        """
        ...

    async def lock(self, delivery_ids: Collection[int]) -> Mapping[int, Delivery]:
        """Lock the deliveries that exist, until the transaction ends, and return them by id."""
        ...

    async def find(self, delivery_id: int) -> KindedDelivery | None: ...

    async def save(self, deliveries: Sequence[Delivery]) -> set[int]:
        """Store the progress of scheduled deliveries and the end of their leases. Return the ids of those that were still scheduled.

        The others do not change: another process sent them after the lease was over.
        """
        ...

    async def find_next_due(self, excluded_channels: Collection[int] = ()) -> datetime | None:
        """Return when `claim_due` can claim the next delivery, which may be in the past; None if none is scheduled."""
        ...

    async def list_waiting(self, channel_id: int, limit: int = 100) -> list[Delivery]:
        """Return scheduled deliveries of a channel, those that are due first come first."""
        ...

    async def release_channel(self, channel_id: int, now: datetime) -> None:
        """Make the deliveries of a channel due that wait for their next try. Those that were never tried stay as they are."""
        ...

    async def release_held(self, by: HeldBy, now: datetime) -> None:
        """Make all deliveries due that are held back by quiet hours or a silence, so that they are decided again."""
        ...

    async def find_sent_channels(self, incident_ids: Collection[int]) -> Mapping[int, Mapping[int, str]]:
        """Return the channels that received the opening of an incident, a grouped message, or a reminder, for each incident.

        The values map the ids of channels to the ids of the messages that arrived first.
        """
        ...

    async def list_of_incidents(self, incident_ids: Collection[int]) -> Sequence[KindedDelivery]:
        """Return all deliveries of the incidents, oldest first."""
        ...

    async def find_last_drills(self) -> Mapping[int, datetime]:
        """Return when the last drill of each channel was due, by the channel's id."""
        ...
