"""Describe a link of a message: what it does, and whether it can be used."""

from dataclasses import dataclass
from enum import StrEnum

from application.ports.access.action_tokens import ActionClaims, ActionTokens, LinkAction
from application.ports.persistence.deliveries import StoredMessage
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.deliveries.action_links import is_expired
from domain.alerts.channel import Channel
from domain.alerts.delivery import Delivery


class LinkState(StrEnum):
    """Whether a link can be used."""

    VALID = "valid"
    USED = "used"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LinkView:
    """What a link does, or did: `result` is a sentence about it. Everything but the state is None for an unknown link."""

    state: LinkState
    action: LinkAction | None = None
    subject: str | None = None
    incident_id: int | None = None
    run_id: int | None = None
    channel: str | None = None
    result: str | None = None


@dataclass(frozen=True, slots=True)
class LoadedLink:
    """A link with the delivery whose message contains it."""

    claims: ActionClaims
    delivery: Delivery
    message: StoredMessage
    channel: Channel | None
    is_used: bool


@dataclass(frozen=True, slots=True)
class DescribeLink:
    """Return what the link with a token would do. Nothing changes."""

    open_unit_of_work: OpenUnitOfWork
    tokens: ActionTokens
    clock: Clock

    async def __call__(self, token: str) -> LinkView:
        return self.build_view(await self.load(token))

    async def load(self, token: str) -> LoadedLink | None:
        """Return the link; None if this installation did not issue the token, or its message is deleted."""
        claims = self.tokens.read(token)
        if claims is None:
            return None
        async with self.open_unit_of_work() as work:
            found = await work.deliveries.find(claims.delivery_id)
            if found is None:
                return None
            delivery = found.delivery
            message = (await work.deliveries.find_messages([delivery.message_id]))[delivery.message_id]
            channel = (await work.channels.find_by_ids([delivery.channel_id])).get(delivery.channel_id)
            is_used = await work.incidents.is_link_used(delivery.id, claims.action.value)
        return LoadedLink(claims, delivery, message, channel, is_used)

    def build_view(self, loaded: LoadedLink | None) -> LinkView:
        if loaded is None:
            return LinkView(LinkState.UNKNOWN)
        content = loaded.message.content
        run = content.get("data", {}).get("run", {})
        return LinkView(
            LinkState.USED
            if loaded.is_used
            else LinkState.EXPIRED
            if is_expired(loaded.claims, loaded.delivery, self.clock.now())
            else LinkState.VALID,
            loaded.claims.action,
            str(content["subject"]),
            loaded.delivery.incident_id,
            run.get("id"),
            loaded.channel.name if loaded.channel else None,
        )
