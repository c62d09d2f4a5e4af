"""The live list of runs."""

from hashlib import sha256

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.runs import RunView
from domain.runs.events import EventType
from domain.site_events import SiteEventType
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.run_list_query import RunListQuery
from entrypoints.web.templating import render
from entrypoints.web.time_zones import get_day_start
from entrypoints.web.view_models.runs.run_list import build_run_items

RUNS_PER_PAGE = 50
_TRIGGERS = frozenset({EventType.RUN_OPENED, EventType.RUN_MOVED, EventType.RUN_REOPENED})


class LiveRunList(LiveView):
    """One page of the run list."""

    def __init__(self, context: PageContext, query: RunListQuery) -> None:
        self._context = context
        self._query = query

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        is_renamed = any(event.type is SiteEventType.PIPELINE_CHANGED and not event.data.get("created") for event in batch.site_events)
        return ChangeEffect(is_renamed or any(event.type in _TRIGGERS and self._may_show(event.pipeline_id) for event in batch.events))

    def _may_show(self, pipeline_id: int) -> bool:
        matches = self._query.pipeline_ids
        return self._query.pipeline_id in (None, pipeline_id) and (matches is None or pipeline_id in matches)

    async def render(self) -> RenderedView:
        runs, _ = await load_runs(self._context, self._query)
        return self.render_runs(runs)

    def render_runs(self, runs: list[RunView]) -> RenderedView:
        """Render runs that the caller has loaded."""
        items = build_run_items(runs, self._context.now())
        digest = sha256(str([(run.id, run.status, run.last_seq) for run in runs]).encode()).hexdigest()[:12]
        html = render("live/run_list.html", runs=items, shows_pipeline=True, is_filtered=bool(self._query.to_parameters()))
        return RenderedView({"runs": str(html)}, digest)


async def load_runs(context: PageContext, query: RunListQuery) -> tuple[list[RunView], bool]:
    """Return a page of runs, newest first, and whether there are more: newer ones for a query with `above`, otherwise older ones."""
    runs = await context.reader.runs(
        pipeline_id=query.pipeline_id,
        pipeline_ids=query.pipeline_ids,
        status=query.status,
        skip=0,
        limit=RUNS_PER_PAGE + 1,
        above=query.above,
        below=None if query.above is not None else query.below,
        trigger=query.trigger or None,
        since=get_day_start(query.since, query.zone),
        until=get_day_start(query.until, query.zone, later=1),
    )
    has_more = len(runs) > RUNS_PER_PAGE
    if query.above is not None:
        return runs[-RUNS_PER_PAGE:], has_more
    return runs[:RUNS_PER_PAGE], has_more
