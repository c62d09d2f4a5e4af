"""A run's live page. Its head, stages and events are replaced when they change; log lines are appended."""

import asyncio
from collections.abc import Sequence

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import EventView
from application.queries.views.runs import RunView
from domain.errors import NotFound
from domain.site_events import SiteEventType
from entrypoints.web.live.alerts.incident_lines import LISTED
from entrypoints.web.live.view import ChangeEffect, EndedRun, LiveView, RenderedView, Tail, format_sse_event, get_end_status
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.alerts.incident_item import build_incident_items
from entrypoints.web.view_models.log.attempts import AttemptLabels
from entrypoints.web.view_models.log.lines import MAX_LINES, LogLine, build_log_lines
from entrypoints.web.view_models.log.query import LogQuery
from entrypoints.web.view_models.runs.events import build_event_items
from entrypoints.web.view_models.runs.failure import load_failure
from entrypoints.web.view_models.runs.header import build_run_header
from entrypoints.web.view_models.runs.outputs import build_stage_outputs
from entrypoints.web.view_models.runs.stages import build_stage_views
from entrypoints.web.view_models.tab import build_run_tab

REFRESH_SECONDS = 1.0
EVENTS_SHOWN = 100


class LiveRunPage(LiveView):
    """One run with its stages in one of three views: graph, waterfall or list. `query` selects the view, its rows and log lines."""

    def __init__(self, context: PageContext, run_id: int, query: LogQuery) -> None:
        self._context = context
        self._run_id = run_id
        self._query = query
        self._name = ""
        self._pipeline_id: int | None = None
        self._labels: AttemptLabels | None = None

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        is_changed = any(event.run_id == self._run_id for event in batch.events) or self._has_changed_incident(batch)
        return ChangeEffect(is_changed, self._run_id in batch.logs)

    def _has_changed_incident(self, batch: ChangeBatch) -> bool:
        changed = (event.pipeline_id for event in batch.site_events if event.type is SiteEventType.INCIDENT_CHANGED)
        return any(pipeline_id == self._pipeline_id for pipeline_id in changed)

    def list_ended_runs(self, batch: ChangeBatch) -> Sequence[EndedRun]:
        events = [event for event in batch.events if event.run_id == self._run_id]
        return [EndedRun(self._name, status) for event in events if (status := get_end_status(event))]

    async def render(self) -> RenderedView:
        run = await self._context.reader.run(self._run_id)
        if run is None:
            raise NotFound("run", self._run_id)
        events = await self._context.reader.newest_events(self._run_id, EVENTS_SHOWN)
        return await self.render_run(run, events)

    async def render_run(self, run: RunView, events: Sequence[EventView]) -> RenderedView:
        """Render a run that the caller has loaded, with its newest events."""
        self._name, self._pipeline_id = run.name, run.pipeline_id
        self._labels = AttemptLabels(run)
        self._context.log_interest.mark_if_followed(run)
        run_context = await self._context.run_contexts.load(run)
        medians = await self._context.run_contexts.get_stage_medians(run.pipeline_id)
        run_median = await self._context.run_contexts.get_run_median(run.pipeline_id)
        repeated = next(iter(await self._context.reader.run_times([run.repeats])), None) if run.repeats is not None else None
        head = build_run_header(run, run_context, run_median, self._context.prefect, self._context.datadog_site, repeated)
        failure = await load_failure(self._context.reader, run)
        incidents = build_incident_items(await self._context.reader.run_incidents(run.id, LISTED), run_context.now)
        outputs = await asyncio.to_thread(build_stage_outputs, run)  # rendering of Markdown takes long
        stages = build_stage_views(run, medians, run_context.now, self._query)
        fragments = {
            **build_run_tab(run),
            "head": str(render("live/run_header.html", head=head)),
            "facts": str(render("live/run_facts.html", head=head, failure=failure, incidents=incidents)),
            "outputs": str(render("live/outputs.html", outputs=outputs)),
            "stages": str(render(f"live/{self._query.view}.html", stages=stages)),
            "status-counts": head.status_counts,
            "log-attempts": str(render("live/log_attempts.html", attempts=self._labels.find_changed_last())),
            "events": str(render("live/events.html", events=build_event_items(events), total=run.last_seq, run_id=run.id)),
        }
        states = ".".join(each.state for each in incidents)
        return RenderedView(fragments, f"{get_run_version(run)}{states}", None if head.is_over else REFRESH_SECONDS)

    async def read_tail(self, after: int) -> Tail:
        """Return the lines after line `after`, or the newest that fit on a page in place of all lines if there are more."""
        reader, labels = self._context.reader, await self._get_labels()
        lines = await reader.log_window(self._run_id, self._query.line_filter, above=after, limit=MAX_LINES + 1)
        unfinished = build_log_lines(await reader.unfinished_lines(self._run_id, self._query.line_filter, 0), labels)
        unfinished_event = format_sse_event("log-unfinished", str(render("live/unfinished_lines.html", lines=unfinished)))
        if not lines:
            return Tail([unfinished_event], after)
        event, shown = "log", build_log_lines(lines[:MAX_LINES], labels)
        if len(shown) < len(lines):
            lines = await reader.log_window(self._run_id, self._query.line_filter, limit=MAX_LINES, last=True)
            event, shown = "log-reset", build_log_lines(lines, labels, from_end=True)
        return Tail([format_sse_event(event, render_log_lines(shown), lines[-1].n), unfinished_event], lines[-1].n)

    async def _get_labels(self) -> AttemptLabels:
        """Return the labels of the run as it was rendered last."""
        if self._labels is None:
            run = await self._context.reader.run(self._run_id)
            if run is None:
                raise NotFound("run", self._run_id)
            self._labels = AttemptLabels(run)
        return self._labels


def render_log_lines(lines: Sequence[LogLine]) -> str:
    """Render log lines as list items, with the labels of their attempts for the headings of blocks."""
    labels = {line.attempt.key: line.attempt for line in lines}
    return str(render("live/log_lines.html", lines=lines)) + str(render("live/log_attempts.html", attempts=labels.values()))


def get_run_version(run: RunView) -> str:
    """Return a version that changes whenever the run changes."""
    return f"{run.last_seq}.{len(run.flow_run_ids)}.{int(run.unrecorded)}"
