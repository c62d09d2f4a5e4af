"""A pipeline's page, live: its state, the graph of its latest run, the grid and the list of runs."""

from collections.abc import Sequence

from application.ports.queries.change_feed import ChangeBatch
from application.queries.explain.explanation import explain_run
from application.queries.views.history import FailureView
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView
from domain.errors import NotFound
from domain.runs.status import Status
from entrypoints.web.live.broadcaster import RenderedView, Tail
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.pipelines.history import build_trend, find_failing_stages, group_failures
from entrypoints.web.view_models.runs.run_list import build_run_items, build_stage_grid
from entrypoints.web.view_models.runs.stages import build_definition_graph, build_run_graph

GRID_RUNS = 30
LISTED_RUNS = 10
TICK = 2.0


class LivePipelinePage:
    def __init__(self, site: PageContext, pipeline_id: int) -> None:
        self._site = site
        self._pipeline_id = pipeline_id

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        return any(event.pipeline_id == self._pipeline_id for event in batch.events), False

    def said(self, batch: ChangeBatch) -> str | None:
        return None

    async def tail(self, after: int) -> Tail:
        return Tail((), 0)

    async def render(self) -> RenderedView:
        pipeline = await self._site.reader.pipeline(self._pipeline_id)
        if pipeline is None:
            raise NotFound("pipeline", self._pipeline_id)
        runs = await self._site.reader.runs(pipeline_id=self._pipeline_id, status=None, skip=0, limit=GRID_RUNS)
        failures = await self._site.reader.failures(self._pipeline_id, GRID_RUNS)
        return await self.render_pipeline(pipeline, runs, failures)

    async def render_pipeline(self, pipeline: PipelineView, runs: Sequence[RunView], failures: Sequence[FailureView]) -> RenderedView:
        now = self._site.now()
        usual = await self._site.run_context_cache.usual(pipeline.id)
        latest = runs[0] if runs else None
        graph = build_run_graph(latest, usual, now) if latest else build_definition_graph(pipeline)
        speaks = latest is not None and latest.status is not Status.COMPLETED
        why = explain_run(latest, await self._site.run_context_cache.around(latest)).parts if latest and speaks else ()
        trend = build_trend(runs, now)
        rows = build_run_items(runs[:LISTED_RUNS], now)
        names = [stage.name for stage in pipeline.definition.stages]
        status = get_status_label(latest.status if latest else Status.PENDING)
        fragments = {
            "state": str(render("live/pipeline_state.html", status=status, latest=rows[0] if rows else None)),
            "why": str(render("live/sentence.html", parts=why)),
            "graph": str(render("live/graph_drawing.html", graph=graph)),
            "grid": str(render("live/grid.html", grid=build_stage_grid(names, runs, usual), trend=trend)) if runs else "",
            "table": str(render("live/trend_table.html", trend=trend)) if runs else "",
            "breaks": str(render("live/breaks.html", breaks=find_failing_stages(runs), failures=group_failures(failures))),
            "runs": str(render("live/runs.html", rows=rows)),
        }
        moving = latest is not None and not latest.status.is_terminal
        digest = f"{pipeline.revision}.{latest.id if latest else 0}.{latest.last_seq if latest else 0}"
        return RenderedView(fragments, digest, TICK if moving else None)
