"""A run's page, live: head, stages in the chosen view and events are replaced, log lines are added."""

from collections.abc import Sequence

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.events import EventView
from application.queries.views.logs import LogFilter, LogLineView
from application.queries.views.runs import RunView
from domain.errors import NotFound
from domain.runs.events import EventType
from entrypoints.web.live.broadcaster import RenderedView, Tail, format_sse_event
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.log.lines import MOST_SHOWN, log_lines
from entrypoints.web.view_models.runs.events import build_event_items
from entrypoints.web.view_models.runs.failure import load_failure
from entrypoints.web.view_models.runs.header import build_run_header
from entrypoints.web.view_models.runs.outputs import build_stage_outputs
from entrypoints.web.view_models.runs.stages import build_stage_views

TICK = 1.0
EVENTS_SHOWN = 100


class LiveRunPage:
    """One run in one of its views; `wanted` narrows the log."""

    def __init__(self, site: PageContext, run_id: int, view: str, wanted: LogFilter) -> None:
        self._site = site
        self._run_id = run_id
        self._view = view
        self._wanted = wanted
        self._name = ""

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        return any(event.run_id == self._run_id for event in batch.events), self._run_id in batch.logs

    def said(self, batch: ChangeBatch) -> str | None:
        for event in batch.events:
            if event.run_id == self._run_id and event.type is EventType.RUN_MOVED and event.status and event.status.is_terminal:
                return f"{self._name}: {event.status}."
        return None

    async def render(self) -> RenderedView:
        run = await self._site.reader.run(self._run_id)
        if run is None:
            raise NotFound("run", self._run_id)
        events = await self._site.reader.newest_events(self._run_id, EVENTS_SHOWN)
        return await self.render_run_view(run, events)

    async def render_run_view(self, run: RunView, events: Sequence[EventView]) -> RenderedView:
        self._name = f"{run.pipeline} #{run.number}"
        around = await self._site.run_context_cache.around(run)
        usual = await self._site.run_context_cache.usual(run.pipeline_id)
        total = await self._site.run_context_cache.get_median_run_seconds(run.pipeline_id)
        head = build_run_header(run, around, total, self._site.prefect_url, self._site.datadog_site)
        failure = await load_failure(self._site.reader, run)
        stages = build_stage_views(run, usual, around.now, self._view)
        fragments = {
            "head": str(render("live/run_head.html", head=head)),
            "facts": str(render("live/run_facts.html", head=head, failure=failure)),
            "outputs": str(render("live/outputs.html", outputs=build_stage_outputs(run), run_id=run.id)),
            "stages": str(render(f"live/{self._view}.html", stages=stages, tally=head.tally)),
            "tally": head.tally,
            "events": str(render("live/events.html", events=build_event_items(events), total=run.last_seq, run_id=run.id)),
        }
        return RenderedView(fragments, get_run_version(run), None if head.is_over else TICK)

    async def tail(self, after: int) -> Tail:
        """Lines after `after`; when more came than a page shows, the newest of them in place of what it has."""
        lines = await self._site.reader.log_window(self._run_id, self._wanted, above=after, limit=MOST_SHOWN + 1)
        if not lines:
            return Tail((), after)
        event = "log"
        if len(lines) > MOST_SHOWN:
            lines = await self._site.reader.log_window(self._run_id, self._wanted, limit=MOST_SHOWN, last=True)
            event = "log-reset"
        return Tail([format_sse_event(event, render_log_lines(lines), lines[-1].n)], lines[-1].n)


def render_log_lines(lines: Sequence[LogLineView]) -> str:
    return str(render("live/log_lines.html", lines=log_lines(lines)))


def get_run_version(run: RunView) -> str:
    return f"{run.last_seq}.{len(run.flow_run_ids)}.{int(run.unrecorded)}"
