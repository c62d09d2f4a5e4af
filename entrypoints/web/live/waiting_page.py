"""The live list of stages that wait for a person or a machine."""

from hashlib import sha256

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.runs import RunView
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.live.waiting_count import MAX_RUNS
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.waiting import group_waiting_items

REFRESH_SECONDS = 5.0


class LiveWaitingPage(LiveView):
    """All waiting stages."""

    def __init__(self, context: PageContext) -> None:
        self._context = context

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return ChangeEffect(any(event.status is not None or event.stage is not None for event in batch.events))

    async def render(self) -> RenderedView:
        return self.render_runs(await self._context.reader.waiting_runs(MAX_RUNS))

    def render_runs(self, runs: list[RunView]) -> RenderedView:
        """Render the waiting stages of runs that the caller has loaded."""
        groups = group_waiting_items(runs, self._context.now())
        state = [(item.key, item.sentence) for group in groups for item in group.items]
        digest = sha256(str(state).encode()).hexdigest()[:12]
        html = str(render("live/waiting_list.html", groups=groups))
        return RenderedView({"waiting": html}, digest, REFRESH_SECONDS if groups else None)
