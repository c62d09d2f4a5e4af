"""How Headgate itself is doing, live: looked at every few seconds however many look on."""

from application.ports.change_feed import ChangeBatch
from domain.errors import HeadgateError
from entrypoints.web.live import Drawing, Tail
from entrypoints.web.site import Site
from entrypoints.web.templating import render
from entrypoints.web.view_models.system import Facts, SystemState, state_of

TICK = 3.0
LATE_AFTER = 60.0
SPOKE_WITHIN = 15.0
REMEMBERED = 86_400.0
"""Seconds for which a worker that fell silent is still listed."""


class SystemView:
    def __init__(self, site: Site) -> None:
        self._site = site

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        return False, False

    def said(self, batch: ChangeBatch) -> str | None:
        return None

    async def tail(self, after: int) -> Tail:
        return Tail((), 0)

    async def look(self) -> SystemState:
        """Never raises: what does not answer is what the page is there to say."""
        site = self._site
        answers = await site.reader.is_ready()
        try:
            signs = await site.vitals.take(LATE_AFTER, SPOKE_WITHIN) if answers else None
            workers = await site.reader.workers(None, REMEMBERED) if answers else None
        except HeadgateError:
            answers, signs, workers = False, None, None
        return state_of(
            Facts(
                now=site.now(),
                database_answers=answers,
                signs=signs,
                connections=site.vitals.connections(),
                engine_answers=await site.engine.answers(),
                workers=workers,
                shortage=site.disk_space.shortage(),
                free_bytes=site.disk_space.free(),
                keeps=site.keeps,
            )
        )

    async def draw(self) -> Drawing:
        return self.draw_state(await self.look())

    @staticmethod
    def draw_state(state: SystemState) -> Drawing:
        fragments = {"system": str(render("live/system.html", state=state))}
        return Drawing(fragments, "", TICK)
