"""Sends one delivery through its channel, outside of any transaction."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from application.ports.delivery.channel_sender import ChannelSender, DeliveryFailed
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.services.deliveries.action_links import ActionLinks
from application.services.deliveries.due_deliveries import DueDelivery
from application.services.messages.message_composer import MessageComposer
from application.services.messages.message_content import MessageContent
from application.services.messages.outgoing import build_outgoing_message
from domain.alerts.message import MessageKind
from domain.errors import Unavailable

SEND_TIMEOUT_SECONDS: Final = 45.0
"""Less than the lease, and more than the 30 seconds that a sender takes at most."""
MAX_RECENT: Final = 64
"""Composed messages that are kept in memory."""
_TESTS: Final = frozenset({MessageKind.TEST, MessageKind.DRILL})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a delivery failed, as `DeliveryFailed` says it."""

    reason: str
    retry_after: float | None = None
    is_permanent: bool = False
    disables_channel: bool = False
    may_have_arrived: bool = False


@dataclass(slots=True)
class _RecentMessage:
    """A message that is being composed, or was. Deliveries to several channels compose it once."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    content: MessageContent | None = None


class MessageSender:
    """Composes a message if it has no text yet, and sends it."""

    def __init__(
        self, open_unit_of_work: OpenUnitOfWork, channel_sender: ChannelSender, composer: MessageComposer, links: ActionLinks
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._channel_sender = channel_sender
        self._composer = composer
        self._links = links
        self._recent: dict[str, _RecentMessage] = {}

    async def send(self, due: DueDelivery) -> Failure | None:
        """Send the message once. Return why it failed, None if the receiver accepted it.

        Raises Unavailable if the store is down before anything was sent.
        """
        if due.channel.is_disabled and due.message.kind not in _TESTS:
            reason = f"The channel is disabled: {due.channel.disabled_reason or 'its receiver is gone'}"
            return Failure(reason, is_permanent=due.channel.fallback is not None)
        content = await self._get_content(due)
        message = build_outgoing_message(due.message, content, self._links.build(content, due.delivery.id, due.message.at))
        try:
            async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
                await self._channel_sender.send(due.channel, message)
        except DeliveryFailed as failed:
            return Failure(failed.reason, failed.retry_after, failed.is_permanent, failed.disables_channel, failed.may_have_arrived)
        except TimeoutError:
            return Failure(f"The receiver did not respond within {SEND_TIMEOUT_SECONDS:.0f} seconds.", may_have_arrived=True)
        except Unavailable as error:
            return Failure(str(error), may_have_arrived=not error.nothing_done)
        except Exception as error:  # a defect in one kind of channel must not lose the message
            return Failure(f"Headgate could not send the message: {type(error).__name__}.")
        return None

    async def _get_content(self, due: DueDelivery) -> MessageContent:
        if "blocks" in due.message.content:
            return MessageContent.from_json(due.message.content)
        recent = self._get_recent(due.message.id)
        async with recent.lock:
            if recent.content is None:
                recent.content = await self._compose(due)
        return recent.content

    def _get_recent(self, message_id: str) -> "_RecentMessage":
        recent = self._recent.setdefault(message_id, _RecentMessage())
        while len(self._recent) > MAX_RECENT:
            self._recent.pop(next(iter(self._recent)))
        return recent

    async def _compose(self, due: DueDelivery) -> MessageContent:
        composed = await self._composer.compose(due.message, due.facts, due.incident)
        async with self._open_unit_of_work() as work:
            stored = await work.deliveries.compose(due.message.id, composed.as_json() | {"facts": due.message.content.get("facts", {})})
            await work.commit()
        return MessageContent.from_json(stored)
