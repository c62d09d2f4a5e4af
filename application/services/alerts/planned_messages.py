"""Collects the messages and deliveries that a transaction adds."""

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from application.ports.persistence.deliveries import StoredMessage
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.alerts.message_facts import MessageFacts
from application.services.messages.message_content import MAX_SUBJECT_LENGTH
from application.services.messages.plain_text import clean_line
from domain.alerts.delivery import Condition, Delivery
from domain.alerts.message import MessageKind


class PlannedMessages:
    """Messages and deliveries to store, in order. `now` is when they are planned."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._messages: list[StoredMessage] = []
        self._deliveries: list[Delivery] = []

    def add(
        self,
        kind: MessageKind,
        facts: MessageFacts,
        subject: str,
        channel_ids: Iterable[int],
        *,
        incident_id: int | None = None,
        pipeline_id: int | None = None,
        due_at: datetime | None = None,
        only_if: Condition | None = None,
    ) -> str | None:
        """Add a message to these channels, and return its id; None if there is no channel. `subject` is shown until it is composed."""
        channels = tuple(dict.fromkeys(channel_ids))
        if not channels:
            return None
        message_id = f"msg_{uuid4().hex}"
        content = {"subject": clean_line(subject, MAX_SUBJECT_LENGTH), "facts": facts.as_json()}
        self._messages.append(StoredMessage(message_id, kind, content, self._now, incident_id, pipeline_id))
        self.deliver(message_id, channels, incident_id=incident_id, due_at=due_at, only_if=only_if)
        return message_id

    def deliver(
        self,
        message_id: str,
        channel_ids: Iterable[int],
        *,
        incident_id: int | None,
        due_at: datetime | None = None,
        only_if: Condition | None = None,
    ) -> None:
        """Add deliveries of a message to more channels."""
        due = due_at or self._now
        self._deliveries += [Delivery(0, message_id, incident_id, channel, due, only_if=only_if) for channel in channel_ids]

    async def store(self, work: UnitOfWork) -> list[Delivery]:
        """Store all, and return the deliveries with their ids."""
        if self._messages:
            await work.deliveries.add_messages(self._messages)
        return await work.deliveries.add(self._deliveries) if self._deliveries else []
