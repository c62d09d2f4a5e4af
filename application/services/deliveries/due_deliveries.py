"""Takes deliveries that are due, and decides which of them to send."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.ports.persistence.deliveries import ClaimedDelivery, StoredMessage
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.alerts.message_facts import MessageFacts
from application.services.deliveries.digests import add_digests
from domain.alerts.channel import Channel
from domain.alerts.delivery import Delivery
from domain.alerts.delivery_decision import Action, Decision, Situation, decide_delivery
from domain.alerts.incident import Incident
from domain.alerts.silence import Silence

LEASE_SECONDS: Final = 60.0
DIGEST_LIMIT: Final = 1_000
"""Incidents of one digest."""


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery to send now. Its lease ends at `delivery.leased_until`. With `may_have_arrived` an earlier try has an unknown result."""

    delivery: Delivery
    message: StoredMessage
    channel: Channel
    incident: Incident | None
    may_have_arrived: bool = False

    @property
    def facts(self) -> MessageFacts:
        return MessageFacts.from_json(self.message.content.get("facts", {}))


@dataclass(frozen=True, slots=True)
class TakenDeliveries:
    """Deliveries to send, and when the next one is due; None if none is scheduled. `has_more` is True if more may be due now."""

    due: Sequence[DueDelivery]
    next_due: datetime | None
    has_more: bool


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What the decisions about the claimed deliveries need."""

    messages: Mapping[str, StoredMessage]
    channels: Mapping[int, Channel]
    incidents: Mapping[int, Incident]
    unresolved_groups: Collection[int]
    silences: Sequence[Silence]


class DueDeliveries:
    """Claims deliveries and decides about them in one transaction. Deliveries that are held back or dropped are stored as such there."""

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, lease_seconds: float = LEASE_SECONDS) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._lease_seconds = lease_seconds

    async def take(self, limit: int, excluded_channels: Collection[int] = ()) -> TakenDeliveries:
        """Lease up to `limit` due deliveries, and return those that are to be sent."""
        now = self._clock.now()
        async with self._open_unit_of_work() as work:
            claimed = await work.deliveries.claim_due(now, limit, self._lease_seconds, excluded_channels)
            due = await self._decide(work, claimed, now) if claimed else []
            next_due = await work.deliveries.find_next_due(excluded_channels)
            if claimed:
                await work.commit()
        return TakenDeliveries(due, next_due, bool(claimed))

    async def _decide(self, work: UnitOfWork, claimed: Sequence[ClaimedDelivery], now: datetime) -> list[DueDelivery]:
        decided = await _decide_all(work, claimed, now)
        digest_channels = {each.delivery.channel_id for each in decided if each.decision.action is Action.DIGEST}
        held = [
            ClaimedDelivery(each, each.leased_until is not None)
            for channel_id in digest_channels
            for each in await _list_held(work, channel_id, now)
        ]
        more = [each for each in await _decide_all(work, held, now) if each.decision.action is Action.DIGEST]
        ended = [each.apply(now) for each in [*decided, *more] if each.decision.action is not Action.SEND]
        await work.deliveries.save(ended)
        await add_digests(work, [each.delivery for each in [*decided, *more] if each.decision.action is Action.DIGEST], now)
        return [each.as_due() for each in decided if each.decision.action is Action.SEND]


@dataclass(frozen=True, slots=True)
class _Decided:
    delivery: Delivery
    message: StoredMessage | None
    channel: Channel | None
    incident: Incident | None
    decision: Decision
    may_have_arrived: bool

    def as_due(self) -> DueDelivery:
        assert self.message is not None
        assert self.channel is not None
        return DueDelivery(self.delivery, self.message, self.channel, self.incident, self.may_have_arrived)

    def apply(self, now: datetime) -> Delivery:
        """Return the delivery as it is after the decision, if that is not to send it."""
        action, until, held_by = self.decision.action, self.decision.until, self.decision.held_by
        may_have_arrived_at = now if self.may_have_arrived else None
        if action is Action.HOLD and until is not None and held_by is not None:
            return self.delivery.hold(until, held_by, may_have_arrived_at=may_have_arrived_at)
        if action is Action.POSTPONE and until is not None:
            return self.delivery.reschedule(until, may_have_arrived_at=may_have_arrived_at)
        return self.delivery.drop(self.decision.reason)


async def _list_held(work: UnitOfWork, channel_id: int, now: datetime) -> list[Delivery]:
    """Return the deliveries of a channel whose hold is over. The claim has locked the channel, so no other process claims them."""
    waiting = await work.deliveries.list_waiting(channel_id, DIGEST_LIMIT)
    return [each for each in waiting if each.held_by is not None and each.due_at <= now and (each.leased_until or now) <= now]


async def _decide_all(work: UnitOfWork, claimed: Sequence[ClaimedDelivery], now: datetime) -> list[_Decided]:
    if not claimed:
        return []
    loaded = await _load(work, [each.delivery for each in claimed], now)
    return [_decide_one(each, loaded, now) for each in claimed]


def _decide_one(claimed: ClaimedDelivery, loaded: _Loaded, now: datetime) -> _Decided:
    delivery = claimed.delivery
    message, channel = loaded.messages.get(delivery.message_id), loaded.channels.get(delivery.channel_id)
    incident = loaded.incidents.get(delivery.incident_id or 0)
    if message is None:
        decision = Decision(Action.DROP, "Not sent: the message was deleted.")
    elif channel is None:
        decision = Decision(Action.DROP, "Not sent: the channel was deleted.")
    else:
        situation = _describe(loaded, message, channel, incident, now)
        decision = decide_delivery(delivery, situation, was_interrupted=claimed.was_interrupted)
    return _Decided(delivery, message, channel, incident, decision, claimed.was_interrupted)


async def _load(work: UnitOfWork, deliveries: Sequence[Delivery], now: datetime) -> _Loaded:
    messages = await work.deliveries.find_messages({each.message_id for each in deliveries})
    channels = await work.channels.find_by_ids({each.channel_id for each in deliveries})
    incidents = await work.incidents.find({each.incident_id for each in deliveries if each.incident_id is not None})
    firsts = [each.id for each in incidents.values() if each.is_first_of_group and each.is_resolved]
    unresolved = [first for first in firsts if (await work.incidents.count_group(first)).unresolved > 0]
    return _Loaded(messages, channels, incidents, unresolved, await work.silences.list_active(now))


def _describe(loaded: _Loaded, message: StoredMessage, channel: Channel, incident: Incident | None, now: datetime) -> Situation:
    facts = MessageFacts.from_json(message.content.get("facts", {}))
    is_resolved = incident is not None and incident.is_resolved and incident.id not in loaded.unresolved_groups
    return Situation(message.kind, channel.name, now, incident, is_resolved, message.pipeline_id, facts.tags, facts.quiet, loaded.silences)
