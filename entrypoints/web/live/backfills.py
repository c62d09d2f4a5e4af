"""The live list of backfills, and the live page of one backfill."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from urllib.parse import urlencode

from application.ports.queries.change_feed import ChangeBatch
from application.queries.views.backfills import BackfillTickView, BackfillView
from domain.backfills.tick import BackfillTickState
from domain.errors import NotFound
from domain.site_events import SiteEventType
from entrypoints.web.live.view import ChangeEffect, LiveView, RenderedView
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.backfills.page import build_backfill_item, build_backfill_page

LISTED: Final = 50
TICKS_PER_PAGE: Final = 100
MAX_POSITION: Final = 100_000


@dataclass(frozen=True, slots=True)
class BackfillQuery:
    """Which ticks the page of a backfill shows: those of a state, and after or before a position."""

    state: BackfillTickState | None = None
    above: int | None = None
    below: int | None = None

    @classmethod
    def parse(cls, state: str, above: str, below: str) -> "BackfillQuery":
        """Return the query. Texts that mean nothing are left out."""
        return cls(BackfillTickState(state) if state in list(BackfillTickState) else None, _parse_position(above), _parse_position(below))

    def get_url(self, path: str, **changes: object) -> str:
        """Return the address of the list that begins elsewhere."""
        parameters = {"state": self.state.value if self.state else None, **changes}
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        return f"{path}?{query}" if query else path


class LiveBackfillList(LiveView):
    """The newest backfills, of one pipeline or of all."""

    def __init__(self, context: PageContext, pipeline_id: int | None) -> None:
        self._context = context
        self._pipeline_id = pipeline_id

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        changed = [event.pipeline_id for event in batch.site_events if event.type is SiteEventType.BACKFILL_CHANGED]
        return ChangeEffect(any(self._may_show(pipeline_id) for pipeline_id in changed))

    def _may_show(self, pipeline_id: int | None) -> bool:
        return self._pipeline_id in (None, pipeline_id)

    async def render(self) -> RenderedView:
        return self.render_backfills(await self.load())

    async def load(self) -> list[BackfillView]:
        """Return one backfill more than the page lists, if there are more."""
        return await self._context.reader.backfills(LISTED + 1, pipeline_id=self._pipeline_id)

    def render_backfills(self, backfills: Sequence[BackfillView]) -> RenderedView:
        """Render backfills that the caller has loaded."""
        items = [build_backfill_item(each) for each in backfills[:LISTED]]
        html = render("live/backfills.html", backfills=items, has_more=len(backfills) > LISTED, shows_pipeline=self._pipeline_id is None)
        return _build_view("backfills", str(html))


class LiveBackfillPage(LiveView):
    """One backfill: its progress and some of its ticks."""

    def __init__(self, context: PageContext, backfill_id: int, query: BackfillQuery) -> None:
        self._context = context
        self._backfill_id = backfill_id
        self._query = query
        self._run_ids: set[int] = set()

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        is_changed = any(
            event.type is SiteEventType.BACKFILL_CHANGED and event.data.get("backfill_id") == self._backfill_id
            for event in batch.site_events
        )
        return ChangeEffect(is_changed or any(event.stage is None and event.run_id in self._run_ids for event in batch.events))

    async def render(self) -> RenderedView:
        return self.render_backfill(*await self.load())

    async def load(self) -> tuple[BackfillView, list[BackfillTickView]]:
        """Return the backfill, and one tick more than the page lists, if there are more."""
        reader, query = self._context.reader, self._query
        view = await reader.backfill(self._backfill_id)
        if view is None:
            raise NotFound("backfill", self._backfill_id)
        ticks = await reader.backfill_ticks(
            self._backfill_id, TICKS_PER_PAGE + 1, state=query.state, above=query.above, below=None if query.above else query.below
        )
        return view, ticks

    def render_backfill(self, view: BackfillView, ticks: Sequence[BackfillTickView]) -> RenderedView:
        """Render a backfill that the caller has loaded."""
        shown = self.take_shown(ticks)
        self._run_ids = {tick.run_id for tick in shown if tick.run_id is not None and tick.state is BackfillTickState.RUNNING}
        page = build_backfill_page(view, shown, self._query.state)
        return _build_view("backfill", str(render("live/backfill.html", page=page)))

    def take_shown(self, ticks: Sequence[BackfillTickView]) -> Sequence[BackfillTickView]:
        """Return the ticks of the page, of which one more was read."""
        is_backward = self._query.below is not None and self._query.above is None
        return ticks[-TICKS_PER_PAGE:] if is_backward else ticks[:TICKS_PER_PAGE]


def _build_view(name: str, html: str) -> RenderedView:
    return RenderedView({name: html}, sha256(html.encode()).hexdigest()[:12])


def _parse_position(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 and 0 < int(text) <= MAX_POSITION else None
