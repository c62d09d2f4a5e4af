"""The live page of one incident."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.alerts import IncidentDetailView
from application.queries.views.runs import RunView
from domain.errors import NotFound
from domain.site_events import SiteEventType
from entrypoints.web.live.alerts.delivery_refresh import find_refresh
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.alerts.incident_page import build_incident_page
from entrypoints.web.view_models.log.query import LogQuery
from entrypoints.web.view_models.runs.failure import load_failure
from entrypoints.web.view_models.runs.header import get_retry_stage
from entrypoints.web.view_models.runs.stages import build_stage_views

REFRESH_SECONDS: Final = 5.0
"""While the last run is active, its waterfall shows passing time."""


@dataclass(frozen=True, slots=True)
class LoadedIncident:
    """An incident, and its last run if it has one."""

    detail: IncidentDetailView
    run: RunView | None


class LiveIncidentPage(LiveView):
    """One incident: its state, the error and the waterfall of its last run, its timeline and its deliveries."""

    def __init__(self, context: PageContext, incident_id: int) -> None:
        self._context = context
        self._incident_id = incident_id
        self._run_id: int | None = None

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        is_changed = any(
            event.type is SiteEventType.INCIDENT_CHANGED and event.data.get("id") == self._incident_id for event in batch.site_events
        )
        return ChangeEffect(is_changed or any(event.run_id == self._run_id for event in batch.events))

    async def render(self) -> RenderedView:
        return await self.render_incident(await self.load())

    async def load(self) -> LoadedIncident:
        """Return the incident. Raise NotFound if there is none with this id."""
        reader = self._context.reader
        detail = await reader.incident(self._incident_id)
        if detail is None:
            raise NotFound("incident", self._incident_id)
        run_id = detail.incident.last_run_id
        return LoadedIncident(detail, await reader.run(run_id) if run_id is not None else None)

    async def render_incident(self, loaded: LoadedIncident) -> RenderedView:
        """Render an incident that the caller has loaded."""
        run = loaded.run
        self._run_id = run.id if run else None
        page = build_incident_page(loaded.detail, self._context.now())
        retry_stage = get_retry_stage(run) if run else None
        fragments = {
            "incident-head": str(render("live/alerts/incident_head.html", page=page, run_id=self._run_id, retry_stage=retry_stage)),
            "incident-run": await self._render_run(run) if run else "",
            "incident-history": str(render("live/alerts/incident_history.html", page=page)),
        }
        digest = sha256(f"{fragments['incident-head']}{fragments['incident-history']}".encode()).hexdigest()[:12]
        is_active = run is not None and not run.status.is_terminal
        refresh = REFRESH_SECONDS if is_active else find_refresh(loaded.detail.deliveries, self._context.now())
        return RenderedView(fragments, f"{digest}.{run.last_seq if run else 0}", refresh)

    async def _render_run(self, run: RunView) -> str:
        contexts = self._context.run_contexts
        failure = await load_failure(self._context.reader, run)
        stages = build_stage_views(run, await contexts.get_stage_medians(run.pipeline_id), self._context.now(), LogQuery())
        return str(render("live/alerts/incident_run.html", run=run, failure=failure, stages=stages))
