"""The live system page. It is checked every few seconds, however many viewers it has."""

from application.ports.queries.change_feed import ChangeBatch
from application.queries.explain.run_context_loader import WORKER_SEEN_WITHIN_SECONDS
from domain.errors import HeadgateError
from entrypoints.web.live.view import NO_EFFECT, ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.system import ProbeResults, SystemState, build_system_state

REFRESH_SECONDS = 3.0
LATE_SECONDS = 60.0
LISTED_SECONDS = 86_400.0
"""A worker is listed for this long after its last heartbeat."""


class LiveSystemPage(LiveView):
    """The state of Headgate itself."""

    def __init__(self, context: PageContext) -> None:
        self._context = context

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return NO_EFFECT

    async def render(self) -> RenderedView:
        return self.render_state(await self.check_system())

    async def check_system(self) -> SystemState:
        """Check every component. A component that does not respond is part of the result, never an error."""
        context = self._context
        is_ready = await context.reader.is_ready()
        try:
            metrics = await context.health_metrics.read(LATE_SECONDS, WORKER_SEEN_WITHIN_SECONDS) if is_ready else None
            workers = await context.reader.workers(None, LISTED_SECONDS) if is_ready else None
        except HeadgateError:
            is_ready, metrics, workers = False, None, None
        return build_system_state(
            ProbeResults(
                now=context.now(),
                is_database_ready=is_ready,
                metrics=metrics,
                connections=context.health_metrics.connections(),
                is_prefect_reachable=await context.orchestrator.is_reachable(),
                workers=workers,
                shortage=context.disk_space.shortage(),
                free_bytes=context.disk_space.free(),
                retention_days=context.retention_days,
            )
        )

    @staticmethod
    def render_state(state: SystemState) -> RenderedView:
        """Render a state that the caller has."""
        return RenderedView({"system": str(render("live/system.html", state=state))}, "", REFRESH_SECONDS)
