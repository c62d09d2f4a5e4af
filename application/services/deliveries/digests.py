"""Adds one message per channel about the incidents that were opened and resolved while messages were held back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.alerts.message_facts import MessageFacts
from application.services.alerts.planned_messages import PlannedMessages
from domain.alerts.delivery import Delivery
from domain.alerts.message import MessageKind

MAX_LISTED: Final = 20
"""Incidents that a digest names. It counts the others."""


async def add_digests(work: UnitOfWork, dropped: Sequence[Delivery], now: datetime) -> None:
    """Plan a digest for each channel of these deliveries, which are not sent themselves."""
    planned = PlannedMessages(now)
    for channel_id in dict.fromkeys(each.channel_id for each in dropped):
        ids = [each.incident_id for each in dropped if each.channel_id == channel_id and each.incident_id is not None]
        facts = MessageFacts(incident_ids=tuple(ids[:MAX_LISTED]), count=len(ids))
        planned.add(MessageKind.DIGEST, facts, "Incidents resolved while messages were held back", [channel_id])
    await planned.store(work)
