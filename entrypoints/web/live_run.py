"""A run's page, live: head, stages in the chosen view and events are replaced, log lines are added."""

from collections.abc import Sequence

from application.ports.change_feed import ChangeBatch
from application.queries.views import EventView, LogFilter, LogLineView, RunView
from domain.errors import NotFound
from domain.events import EventType
from entrypoints.web.failure import failure_of
from entrypoints.web.live import Drawing, Tail, message
from entrypoints.web.site import Site
from entrypoints.web.templating import render
from entrypoints.web.view_models.events import event_lines
from entrypoints.web.view_models.log import MOST_SHOWN, log_lines
from entrypoints.web.view_models.outputs import outputs_of
from entrypoints.web.view_models.run import head_of
from entrypoints.web.view_models.stages import stages_of

TICK = 1.0
EVENTS_SHOWN = 100


class RunPageView:
    """One run in one of its views; `wanted` narrows the log."""

    def __init__(self, site: Site, run_id: int, view: str, wanted: LogFilter) -> None:
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

    async def draw(self) -> Drawing:
        run = await self._site.reader.run(self._run_id)
        if run is None:
            raise NotFound("run", self._run_id)
        events = await self._site.reader.newest_events(self._run_id, EVENTS_SHOWN)
        return await self.draw_run(run, events)

    async def draw_run(self, run: RunView, events: Sequence[EventView]) -> Drawing:
        self._name = f"{run.pipeline} #{run.number}"
        around = await self._site.surveyor.around(run)
        usual = await self._site.surveyor.usual(run.pipeline_id)
        total = await self._site.surveyor.usual_total(run.pipeline_id)
        head = head_of(run, around, total, self._site.prefect_pages, self._site.datadog_site)
        failure = await failure_of(self._site.reader, run)
        stages = stages_of(run, usual, around.now, self._view)
        fragments = {
            "head": str(render("live/run_head.html", head=head)),
            "facts": str(render("live/run_facts.html", head=head, failure=failure)),
            "outputs": str(render("live/outputs.html", outputs=outputs_of(run), run_id=run.id)),
            "stages": str(render(f"live/{self._view}.html", stages=stages, tally=head.tally)),
            "tally": head.tally,
            "events": str(render("live/events.html", events=event_lines(events), total=run.last_seq, run_id=run.id)),
        }
        return Drawing(fragments, state_of(run), None if head.is_over else TICK)

    async def tail(self, after: int) -> Tail:
        """Lines after `after`; when more came than a page shows, the newest of them in place of what it has."""
        lines = await self._site.reader.log_window(self._run_id, self._wanted, above=after, limit=MOST_SHOWN + 1)
        if not lines:
            return Tail((), after)
        event = "log"
        if len(lines) > MOST_SHOWN:
            lines = await self._site.reader.log_window(self._run_id, self._wanted, limit=MOST_SHOWN, last=True)
            event = "log-reset"
        return Tail([message(event, lines_html(lines), lines[-1].n)], lines[-1].n)


def lines_html(lines: Sequence[LogLineView]) -> str:
    return str(render("live/log_lines.html", lines=log_lines(lines)))


def state_of(run: RunView) -> str:
    return f"{run.last_seq}.{len(run.flow_run_ids)}.{int(run.unrecorded)}"
