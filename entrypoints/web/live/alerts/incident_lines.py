"""Incidents as lines on other pages: on the board, on the page of their pipeline, and on the pages of their runs."""

from collections.abc import Sequence
from typing import Final

from application.queries.views.alerts import IncidentView
from domain.alerts.incident import UNRESOLVED
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.alerts.incident_item import build_incident_items

LISTED: Final = 5
"""Unresolved incidents that the page of a pipeline lists, and incidents that the page of a run names."""


async def render_board_incidents(context: PageContext) -> str:
    """Render the first open incidents of all pipelines; empty if there are none."""
    found = await context.incident_summary.load()
    return _render_lines(context, found.first, found.count - len(found.first), "/ui/incidents?state=open", "board")


async def render_pipeline_incidents(context: PageContext, pipeline_id: int) -> str:
    """Render the newest unresolved incidents of a pipeline; empty if there are none."""
    found = await context.reader.incidents(LISTED + 1, states=UNRESOLVED, pipeline_id=pipeline_id)
    return _render_lines(context, found[:LISTED], len(found) - LISTED, f"/ui/incidents?pipeline={pipeline_id}", "")


def _render_lines(context: PageContext, incidents: Sequence[IncidentView], more: int, href: str, origin: str) -> str:
    if not incidents:
        return ""
    items = build_incident_items(incidents, context.now())
    return str(render("live/alerts/open_incidents.html", incidents=items, more=more, href=href, origin=origin))
