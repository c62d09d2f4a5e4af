"""The live board: the open incidents, a fragment for each row, the counts of the filters, and the list of rows."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256

from application.ports.queries.change_feed import ChangeBatch
from application.queries.explain.run_context import RunContext
from application.queries.schedules.expectations import ExpectationStatus
from application.queries.views.pipelines import BoardRow
from domain.runs.events import EventType
from domain.runs.status import Status
from entrypoints.web.board_query import BoardPage, BoardQuery, choose_rows, find_live_rows
from entrypoints.web.live.alerts.incident_lines import render_board_incidents
from entrypoints.web.live.view import ChangeEffect, EndedRun, LiveView, RenderedView, get_end_status
from entrypoints.web.page_context import PageContext
from entrypoints.web.templating import render
from entrypoints.web.view_models.pipelines.board import build_pipeline_item, count_statuses
from entrypoints.web.view_models.tab import build_board_tab

REFRESH_SECONDS = 5.0
EXPECTATION_SECONDS = 20.0
_TRIGGERS = frozenset(
    {EventType.RUN_OPENED, EventType.RUN_MOVED, EventType.STAGE_MOVED, EventType.CANCEL_REQUESTED, EventType.RUN_REOPENED}
)


class LiveBoard(LiveView):
    """The rows of the board that a query shows. Rows are cached in the page context until their state changes."""

    def __init__(self, context: PageContext, query: BoardQuery | None = None) -> None:
        self._context = context
        self._query = query or BoardQuery()
        self._names: dict[int, str] = {}

    def get_effect(self, batch: ChangeBatch) -> ChangeEffect:
        return ChangeEffect(bool(batch.site_events) or any(event.type in _TRIGGERS for event in batch.events))

    def list_ended_runs(self, batch: ChangeBatch) -> Sequence[EndedRun]:
        events = [event for event in batch.events if not self._query.tag or event.pipeline_id in self._names]
        return [EndedRun(self._names.get(event.pipeline_id, "A run"), status) for event in events if (status := get_end_status(event))]

    async def render(self) -> RenderedView:
        await self._context.incident_summary.load(is_fresh=True)
        rows = await self.load_rows()
        return await self.render_page(rows, choose_rows(rows, self._query))

    async def load_rows(self) -> list[BoardRow]:
        """Return the rows with the query's tag."""
        board = self._context.archived_board if self._query.archived else self._context.board
        return [row for row in await board.load() if self._query.has_tag(row)]

    async def render_page(self, rows: list[BoardRow], page: BoardPage) -> RenderedView:
        """Render what the query shows of rows that the caller has loaded, and the page of them that it has chosen."""
        live_rows = find_live_rows(rows, page, self._query)
        statuses = await self._judge(live_rows)
        fragments = {f"row-{row.pipeline.id}": await self._render_row(row, status) for row, status in zip(live_rows, statuses, strict=True)}
        self._names = {row.pipeline.id: row.pipeline.name for row in rows}
        counts = render_counts(self._query.select_with_any_status(rows))
        incidents = await render_board_incidents(self._context)
        fragments |= {**counts, **build_board_tab(rows, self._query.archived), "incidents": incidents}
        fragments["rows"] = format_row_ids(page)
        fragments["range"] = str(render("live/board_range.html", range=page.range))
        summary = f"{counts}{page.range}{[status and status.sentence for status in statuses]}{incidents}{fragments['rows']}"
        return RenderedView(fragments, compute_digest(live_rows, summary), _get_refresh_seconds(live_rows))

    async def _judge(self, rows: Sequence[BoardRow]) -> Sequence[ExpectationStatus | None]:
        """Return how each row's expectations are met. Their ticks are computed in a thread."""
        if not any(row.pipeline.definition.expect for row in rows):
            return [None] * len(rows)
        now, judge = self._context.now(), self._context.expectations.find_worst
        return await asyncio.to_thread(lambda: [judge(row.pipeline, row.bars, now) for row in rows])

    async def _render_row(self, row: BoardRow, status: ExpectationStatus | None) -> str:
        """Render a row if its state changed, or at every refresh while a run is active, because its text and bars show passing time."""
        latest = row.pipeline.latest
        interval = int(self._context.now().timestamp() // REFRESH_SECONDS) if _is_active(row) else None
        state = (
            row.pipeline.revision,
            row.bars,
            latest,
            row.next_run_at,
            row.paused_schedules,
            row.pipeline.activation,
            interval,
            status and status.sentence,
        )
        cache = self._context.rendered_board_rows
        cached = cache.get(row.pipeline.id)
        if cached is None or cached[0] != state:
            run_context = await self._context.run_contexts.load(latest) if latest else RunContext(self._context.now())
            html = str(render("live/board_row.html", row=build_pipeline_item(row, run_context, status)))
            cached = cache[row.pipeline.id] = (state, html)
        return cached[1]


def _get_refresh_seconds(rows: Sequence[BoardRow]) -> float | None:
    """Return when the rows show other times: soon while runs are active, and for runs of other machines that may become overdue."""
    if any(map(_is_active, rows)):
        return REFRESH_SECONDS
    return EXPECTATION_SECONDS if any(row.pipeline.definition.expect for row in rows) else None


def _is_active(row: BoardRow) -> bool:
    return any(not bar.status.is_terminal for bar in row.bars)


def format_row_ids(page: BoardPage) -> str:
    """Return the ids of the page's rows in their order, and whether the board is paged."""
    return ("paged " if page.range else "") + ",".join(str(row.pipeline.id) for row in page.rows)


def render_counts(rows: Sequence[BoardRow]) -> dict[str, str]:
    """Return the number of all pipelines and of those in each status as fragments; empty for 0 in a status."""
    counts = count_statuses(rows)
    return {"count-all": str(len(rows))} | {f"count-{status.value}": str(counts.get(status, "") or "") for status in Status}


def compute_digest(rows: Sequence[BoardRow], summary: str) -> str:
    """Return a digest of the summary and of everything that the rows show, except passing time."""
    state = [
        (
            row.pipeline.id,
            row.pipeline.revision,
            row.pipeline.activation.changes,
            row.pipeline.latest and row.pipeline.latest.last_seq,
            row.next_run_at,
            row.paused_schedules,
            [(bar.id, bar.status.value) for bar in row.bars],
        )
        for row in rows
    ]
    return sha256(f"{summary}{state}".encode()).hexdigest()[:12]
