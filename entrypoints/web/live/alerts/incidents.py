"""The live list of incidents."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.alerts import IncidentView
from domain.site_events import SiteEventType
from entrypoints.web.incident_query import IncidentQuery
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.alerts.incident_item import build_incident_items

LISTED: Final = 50


class LiveIncidentList(LiveView):
    """The newest incidents that a query selects."""

    def __init__(self, context: PageContext, query: IncidentQuery) -> None:
        self._context = context
        self._query = query

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        changed = [event.pipeline_id for event in batch.site_events if event.type is SiteEventType.INCIDENT_CHANGED]
        return ChangeEffect(any(self._query.pipeline_id in (None, pipeline_id) for pipeline_id in changed))

    async def render(self) -> RenderedView:
        return self.render_incidents(await self.load())

    async def load(self) -> Sequence[IncidentView]:
        """Return one incident more than the page lists, if there are more."""
        query = self._query
        return await self._context.reader.incidents(LISTED + 1, states=query.states, pipeline_id=query.pipeline_id, before=query.before)

    def render_incidents(self, incidents: Sequence[IncidentView]) -> RenderedView:
        """Render incidents that the caller has loaded."""
        items, query = build_incident_items(incidents[:LISTED], self._context.now()), self._query
        older = query.get_url("/ui/incidents", before=items[-1].id) if len(incidents) > LISTED else None
        html = render("live/alerts/incidents.html", incidents=items, older=older, is_unresolved=not query.state)
        return RenderedView({"incidents": str(html)}, sha256(html.encode()).hexdigest()[:12])
