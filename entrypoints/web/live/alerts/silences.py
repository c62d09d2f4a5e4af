"""The live list of silences."""

from hashlib import sha256
from typing import Final

from application.ports.queries.change_feed import ChangeBatch
from domain.site_events import SiteEventType
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.alerts.silences import build_silence_item

LISTED: Final = 200
REFRESH_SECONDS: Final = 30.0
"""Silences begin and end without an event."""


class LiveSilenceList(LiveView):
    """Silences that are active or planned, and with `has_ended` those that are over."""

    def __init__(self, context: PageContext, has_ended: bool) -> None:
        self._context = context
        self._has_ended = has_ended

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return ChangeEffect(any(event.type is SiteEventType.SILENCE_CHANGED for event in batch.site_events))

    async def render(self) -> RenderedView:
        now = self._context.now()
        silences = await self._context.reader.silences(now, include_ended=self._has_ended, limit=LISTED + 1)
        items = [build_silence_item(each, now) for each in silences[:LISTED]]
        html = str(render("live/alerts/silences.html", silences=items, has_more=len(silences) > LISTED))
        return RenderedView({"silences": html}, sha256(html.encode()).hexdigest()[:12], REFRESH_SECONDS if items else None)
