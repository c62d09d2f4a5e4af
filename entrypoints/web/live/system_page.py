"""How Headgate itself is doing, live: looked at every few seconds however many look on."""

from application.ports.queries.change_feed import ChangeBatch
from domain.errors import HeadgateError
from entrypoints.web.live.broadcaster import RenderedView, Tail
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.system import ProbeResults, SystemState, build_system_state

TICK = 3.0
LATE_AFTER = 60.0
WORKER_SEEN_WITHIN_SECONDS = 15.0
REMEMBERED = 86_400.0
"""Seconds for which a worker that fell silent is still listed."""


class LiveSystemPage:
    def __init__(self, site: PageContext) -> None:
        self._site = site

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        return False, False

    def said(self, batch: ChangeBatch) -> str | None:
        return None

    async def tail(self, after: int) -> Tail:
        return Tail((), 0)

    async def check_system(self) -> SystemState:
        """Never raises: what does not answer is what the page is there to say."""
        site = self._site
        answers = await site.reader.is_ready()
        try:
            metrics = await site.vitals.read(LATE_AFTER, WORKER_SEEN_WITHIN_SECONDS) if answers else None
            workers = await site.reader.workers(None, REMEMBERED) if answers else None
        except HeadgateError:
            answers, metrics, workers = False, None, None
        return build_system_state(
            ProbeResults(
                now=site.now(),
                database_answers=answers,
                metrics=metrics,
                connections=site.vitals.connections(),
                is_engine_reachable=await site.engine.is_reachable(),
                workers=workers,
                shortage=site.disk_space.shortage(),
                free_bytes=site.disk_space.free(),
                retention_days=site.retention_days,
            )
        )

    async def render(self) -> RenderedView:
        return self.render_state(await self.check_system())

    @staticmethod
    def render_state(state: SystemState) -> RenderedView:
        fragments = {"system": str(render("live/system.html", state=state))}
        return RenderedView(fragments, "", TICK)
