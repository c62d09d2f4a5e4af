"""A pipeline's live page: its state, the graph of its latest run, the stage grid and the latest runs."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from application.ports.queries.change_feed import ChangeBatch
from application.queries.explain.explanation import explain_run
from application.queries.runs.earlier_names import load_earlier_names
from application.queries.runs.similar_failures import SIMILAR_RUNS
from application.queries.views.history import FailureView
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunView
from domain.errors import NotFound
from domain.runs.status import Status
from entrypoints.web.live.alerts.incident_lines import render_pipeline_incidents
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.schedule_loader import load_schedule_items
from entrypoints.web.templating import render
from entrypoints.web.view_models.formatting import get_status_label
from entrypoints.web.view_models.pipelines.activation import build_activation_label
from entrypoints.web.view_models.pipelines.history import build_trend, find_failing_stages, group_failures
from entrypoints.web.view_models.pipelines.stage_grid import build_stage_grid
from entrypoints.web.view_models.runs.run_list import build_run_items
from entrypoints.web.view_models.runs.stage_graph import build_definition_graph, build_run_graph
from entrypoints.web.view_models.schedules.expectations import SHOWN as EXPECTED_TICKS
from entrypoints.web.view_models.schedules.expectations import build_expectation_item
from entrypoints.web.view_models.schedules.schedule_item import ScheduleItem
from entrypoints.web.view_models.tab import build_pipeline_tab

GRID_RUNS = 30
LISTED_RUNS = 10
REFRESH_SECONDS = 2.0
EXPECTATION_SECONDS = 20.0


class LivePipelinePage(LiveView):
    """One pipeline's page."""

    def __init__(self, context: PageContext, pipeline_id: int) -> None:
        self._context = context
        self._pipeline_id = pipeline_id
        self._was_rendered = False

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        is_changed = any(event.pipeline_id == self._pipeline_id for event in batch.site_events)
        return ChangeEffect(is_changed or any(event.pipeline_id == self._pipeline_id for event in batch.events))

    async def render(self) -> RenderedView:
        pipeline = await self._context.reader.pipeline(self._pipeline_id)
        if pipeline is None and self._was_rendered:
            return RenderedView({"activation": str(render("live/activation.html", label=None))}, "deleted")
        if pipeline is None:
            raise NotFound("pipeline", self._pipeline_id)
        self._was_rendered = True
        runs = await self._context.reader.runs(pipeline_id=self._pipeline_id, status=None, skip=0, limit=GRID_RUNS)
        failures = await self._context.reader.failures(self._pipeline_id, SIMILAR_RUNS)
        schedules = await load_schedule_items(self._context, pipeline)
        return await self.render_pipeline(pipeline, runs, failures, schedules)

    async def render_pipeline(
        self, pipeline: PipelineView, runs: Sequence[RunView], failures: Sequence[FailureView], schedules: Sequence[ScheduleItem]
    ) -> RenderedView:
        """Render a pipeline that the caller has loaded, with its last runs, newest first, their failures, and its schedules."""
        now = self._context.now()
        medians = await self._context.run_contexts.get_stage_medians(pipeline.id)
        latest = runs[0] if runs else None
        graph = build_run_graph(latest, medians, now) if latest else build_definition_graph(pipeline)
        needs_text = latest is not None and latest.status is not Status.COMPLETED
        status_text = explain_run(latest, await self._context.run_contexts.load(latest)).parts if latest and needs_text else ()
        trend = build_trend(runs, now)
        items = build_run_items(runs[:LISTED_RUNS], now)
        status = get_status_label(latest.status if latest else Status.PENDING)
        earlier_names = await load_earlier_names(self._context.reader, pipeline, runs)
        grid = build_stage_grid(pipeline.definition, runs, medians, earlier_names)
        failing = find_failing_stages(runs)
        fragments = {
            **build_pipeline_tab(pipeline.name, latest.status if latest else Status.PENDING),
            "state": str(render("live/pipeline_state.html", status=status, latest=items[0] if items else None)),
            "activation": str(render("live/activation.html", label=build_activation_label(pipeline.activation, now))),
            "status-text": str(render("live/status_text.html", parts=status_text)),
            "graph": str(render("live/stage_graph.html", graph=graph)),
            "grid": str(render("live/stage_grid.html", grid=grid, trend=trend)) if runs else "",
            "table": str(render("live/trend_table.html", trend=trend)) if runs else "",
            "failures": str(render("live/failures.html", failing_stages=failing, failures=group_failures(failures))),
            "runs": str(render("live/run_list.html", runs=items)),
        }
        incidents = fragments["incidents"] = await render_pipeline_incidents(self._context, pipeline.id)
        shown = {f"schedule-{item.id}": str(render("live/schedule.html", item=item)) for item in schedules}
        expected = await asyncio.to_thread(self._render_expectations, pipeline, runs, now) if pipeline.definition.expect else ""
        fragments |= shown | ({"expectations": expected} if expected else {})
        fragments["schedule-ids"] = ",".join(str(item.id) for item in schedules)
        is_active = latest is not None and not latest.status.is_terminal
        schedule_state = sha256(f"{shown}{expected}{incidents}".encode()).hexdigest()[:12] if shown or expected or incidents else ""
        version = (pipeline.revision, pipeline.activation.changes, latest.id if latest else 0, latest.last_seq if latest else 0)
        digest = ".".join(map(str, version)) + schedule_state
        return RenderedView(fragments, digest, REFRESH_SECONDS if is_active else EXPECTATION_SECONDS if expected else None)

    def _render_expectations(self, pipeline: PipelineView, runs: Sequence[RunView], now: datetime) -> str:
        """Render what became of the runs that other machines start; empty if the definition expects none."""
        judge, numbers = self._context.expectations, {run.id: run.number for run in runs}
        items = [
            build_expectation_item(
                index,
                status,
                judge.list_ticks(status.expectation, pipeline, runs, now, EXPECTED_TICKS, is_complete=len(runs) < GRID_RUNS),
                numbers,
                self._context.explain_cron,
                pipeline.id,
            )
            for index, status in enumerate(judge.judge(pipeline, runs, now))
        ]
        return str(render("live/expectations.html", items=items)) if items else ""
