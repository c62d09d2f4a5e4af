"""The live list of channels, and the live page of one channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.alerts import ChannelView, DeliveryView
from domain.errors import NotFound
from domain.site_events import SiteEventType
from entrypoints.web.live.alerts.delivery_refresh import LATER_SECONDS, find_refresh
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.alerts.channels import build_channel_item
from entrypoints.web.view_models.alerts.incident_page import build_delivery_items

LISTED_DELIVERIES: Final = 50
_TRIGGERS: Final = frozenset({SiteEventType.CHANNEL_CHANGED, SiteEventType.INCIDENT_CHANGED})


@dataclass(frozen=True, slots=True)
class LoadedChannel:
    """A channel with its newest deliveries."""

    channel: ChannelView
    deliveries: Sequence[DeliveryView]
    is_broken: bool


class LiveChannelList(LiveView):
    """All channels."""

    def __init__(self, context: PageContext) -> None:
        self._context = context

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return ChangeEffect(any(event.type in _TRIGGERS for event in batch.site_events))

    async def render(self) -> RenderedView:
        await self._context.incident_summary.load(is_fresh=True)
        return await self.render_page()

    async def render_page(self) -> RenderedView:
        """Render the channels. Which of them do not deliver may have been read up to a second ago."""
        channels = await self._context.reader.channels()
        broken = (await self._context.incident_summary.load()).broken_channels
        items = [build_channel_item(each, each.name in broken) for each in channels]
        waits = any(each.waiting for each in channels)
        return _build_view("channels", str(render("live/alerts/channels.html", channels=items)), LATER_SECONDS if waits else None)


class LiveChannelPage(LiveView):
    """One channel with its newest messages."""

    def __init__(self, context: PageContext, name: str) -> None:
        self._context = context
        self._name = name

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return ChangeEffect(any(event.type in _TRIGGERS for event in batch.site_events))

    async def render(self) -> RenderedView:
        await self._context.incident_summary.load(is_fresh=True)
        return self.render_channel(await self.load())

    async def load(self) -> LoadedChannel:
        """Return the channel. Raise NotFound if there is none with this name."""
        context = self._context
        channel = await context.reader.channel(self._name) if "\0" not in self._name else None
        if channel is None:
            raise NotFound("channel", self._name)
        deliveries = await context.reader.deliveries(self._name, LISTED_DELIVERIES)
        broken = (await context.incident_summary.load()).broken_channels
        return LoadedChannel(channel, deliveries, self._name in broken)

    def render_channel(self, loaded: LoadedChannel) -> RenderedView:
        """Render a channel that the caller has loaded."""
        item = build_channel_item(loaded.channel, loaded.is_broken)
        deliveries = build_delivery_items(loaded.deliveries)
        refresh = find_refresh(loaded.deliveries, self._context.now())
        return _build_view("channel", str(render("live/alerts/channel.html", channel=item, deliveries=deliveries)), refresh)


def _build_view(name: str, html: str, refresh_seconds: float | None) -> RenderedView:
    return RenderedView({name: html}, sha256(html.encode()).hexdigest()[:12], refresh_seconds)
