"""Everything that waits for somebody, live."""

from hashlib import sha256

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.runs import RunView
from entrypoints.web.live.broadcaster import RenderedView, Tail
from entrypoints.web.live.waiting_count import MOST_RUNS
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.waiting import group_waits

TICK = 5.0


class LiveWaitingPage:
    def __init__(self, site: PageContext) -> None:
        self._site = site

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        return any(event.status is not None or event.stage is not None for event in batch.events), False

    def said(self, batch: ChangeBatch) -> str | None:
        return None

    async def tail(self, after: int) -> Tail:
        return Tail((), 0)

    async def render(self) -> RenderedView:
        return self.render_runs(await self._site.reader.waiting_runs(MOST_RUNS))

    def render_runs(self, runs: list[RunView]) -> RenderedView:
        groups = group_waits(runs, self._site.now())
        state = [(wait.key, wait.sentence) for group in groups for wait in group.waits]
        digest = sha256(str(state).encode()).hexdigest()[:12]
        return RenderedView({"waits": str(render("live/waits.html", groups=groups))}, digest, TICK if groups else None)
