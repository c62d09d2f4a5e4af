"""The board, live: a fragment a row, the counts of the filters, and the list of rows."""

from hashlib import sha256

from application.ports.queries.change_feed import ChangeBatch
from application.queries.explain.run_context import RunContext
from application.queries.views.pipelines import BoardRow
from domain.runs.events import EventType
from domain.runs.status import Status
from entrypoints.web.live.broadcaster import RenderedView, Tail
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.pipelines.board import build_pipeline_item, count_statuses

TICK = 5.0
SEEN = frozenset({EventType.RUN_OPENED, EventType.RUN_MOVED, EventType.STAGE_MOVED, EventType.CANCEL_REQUESTED, EventType.RUN_REOPENED})


class LiveBoard:
    """Rows that did not change since anybody's last drawing are not rendered again. With a tag only the pipelines that have it."""

    def __init__(self, site: PageContext, tag: str = "") -> None:
        self._site = site
        self._tag = tag
        self._names: dict[int, str] = {}

    def concerns(self, batch: ChangeBatch) -> tuple[bool, bool]:
        return any(event.type in SEEN for event in batch.events), False

    def said(self, batch: ChangeBatch) -> str | None:
        shown = [event for event in batch.events if not self._tag or event.pipeline_id in self._names]
        ends = [event for event in shown if event.type is EventType.RUN_MOVED and event.status and event.status.is_terminal]
        said = [f"{self._names.get(event.pipeline_id, 'A run')}: {event.status}." for event in ends[:3]]
        return " ".join(said + [f"{len(ends) - 3} more runs ended."] * (len(ends) > 3)) or None

    async def render(self) -> RenderedView:
        return await self.render_rows(await self.rows())

    async def rows(self) -> list[BoardRow]:
        found = await self._site.reader.board()
        return [row for row in found if not self._tag or self._tag in row.pipeline.definition.tags]

    async def render_rows(self, rows: list[BoardRow]) -> RenderedView:
        fragments = {f"row-{row.pipeline.id}": await self._fragment(row) for row in rows}
        self._names = {row.pipeline.id: row.pipeline.name for row in rows}
        fragments |= render_counts(rows)
        fragments["rows"] = ",".join(str(row.pipeline.id) for row in rows)
        return RenderedView(fragments, compute_digest(rows), TICK if any(map(_moves, rows)) else None)

    async def tail(self, after: int) -> Tail:
        return Tail((), 0)

    async def _fragment(self, row: BoardRow) -> str:
        """While a run moves it is drawn anew every tick, for sentence and bars tell of time; else when something changed."""
        latest = row.pipeline.latest
        moment = int(self._site.now().timestamp() // TICK) if _moves(row) else None
        key = (row.pipeline.revision, row.bars, latest, moment)
        rows = self._site.rendered_board_rows
        kept = rows.get(row.pipeline.id)
        if kept is None or kept[0] != key:
            around = await self._site.run_context_cache.around(latest) if latest else RunContext(self._site.now())
            kept = rows[row.pipeline.id] = (key, str(render("live/row.html", row=build_pipeline_item(row, around))))
        return kept[1]


def _moves(row: BoardRow) -> bool:
    return any(not bar.status.is_terminal for bar in row.bars)


def render_counts(rows: list[BoardRow]) -> dict[str, str]:
    found = count_statuses(rows)
    return {f"count-{status.value}": str(found.get(status, "") or "") for status in Status}


def compute_digest(rows: list[BoardRow]) -> str:
    state = [
        (
            row.pipeline.id,
            row.pipeline.revision,
            row.pipeline.latest and row.pipeline.latest.last_seq,
            [(bar.id, bar.status.value) for bar in row.bars],
        )
        for row in rows
    ]
    return sha256(str(state).encode()).hexdigest()[:12]
