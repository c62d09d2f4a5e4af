"""Parses the URL of the board and selects its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from application.queries.views.pipelines import BoardRow
from domain.runs.status import Status
from entrypoints.http.ids import parse_id
from entrypoints.web.board_order import BoardOrder, parse_board_order, sort_rows
from entrypoints.web.view_models.formatting import pluralize
from entrypoints.web.view_models.pipelines.board import build_searchable_item

ROWS_PER_PAGE: Final = 100
"""A board of more pipelines is filtered by the server and shown in pages."""
MAX_WORDS_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """Words, a status and a tag that the rows have, their order, and a page from 1 on.

    `archived`: the rows are the archived pipelines. `shown` are the rows of an open page that is sorted: they stay when others take
    their places.
    """

    words: str = ""
    status: str = ""
    tag: str = ""
    page: int = 1
    archived: bool = False
    order: BoardOrder = BoardOrder.NAME
    shown: tuple[int, ...] = ()

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> "BoardQuery":
        """Parse query parameters. Invalid values are ignored."""
        status, page = parameters.get("status", ""), parameters.get("page", "")
        shown = (parse_id(text) for text in parameters.get("shown", "").split(",")[:ROWS_PER_PAGE])
        return cls(
            words=parameters.get("q", "").strip().lower()[:MAX_WORDS_LENGTH],
            status=status if status in list(Status) else "",
            tag=parameters.get("tag", ""),
            page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
            archived=parameters.get("archived") == "only",
            order=parse_board_order(parameters.get("sort", "")),
            shown=tuple(id for id in shown if id is not None),
        )

    def has_tag(self, row: BoardRow) -> bool:
        """Return whether the row has the tag."""
        return not self.tag or self.tag in row.pipeline.definition.tags

    def select(self, rows: Sequence[BoardRow]) -> Sequence[BoardRow]:
        """Return the rows that have these words and this status."""
        if not self.words and not self.status:
            return rows
        return [row for row in rows if build_searchable_item(row.pipeline).matches(self.status, self.words)]

    def select_with_any_status(self, rows: Sequence[BoardRow]) -> Sequence[BoardRow]:
        """Return the rows that have these words: those that the counts of the filters by status count."""
        return replace(self, status="").select(rows)

    def to_parameters(self) -> dict[str, object]:
        """Return the query parameters of this query, without those that have no effect."""
        parameters = {
            "q": self.words,
            "status": self.status,
            "tag": self.tag,
            "sort": self.order.value,
            "page": self.page if self.page > 1 else "",
            "archived": "only" if self.archived else "",
            "shown": ",".join(map(str, self.shown)),
        }
        return {key: value for key, value in parameters.items() if value}

    def get_url(self, path: str, **changes: Any) -> str:
        """Return a URL with this query and changes of it."""
        encoded = urlencode(replace(self, **changes).to_parameters(), safe=",")
        return f"{path}?{encoded}" if encoded else path


@dataclass(frozen=True, slots=True)
class BoardRange:
    """The rows that a paged board shows, and the URLs of its neighbours."""

    text: str
    previous: str | None
    next: str | None


@dataclass(frozen=True, slots=True)
class BoardPage:
    """The rows to show, in the query's order. `range` is None if the board is not paged."""

    rows: Sequence[BoardRow]
    range: BoardRange | None = None


def choose_rows(rows: Sequence[BoardRow], query: BoardQuery) -> BoardPage:
    """Return all rows of a small board, which the page's script filters, or one page of those that the query selects."""
    if len(rows) <= ROWS_PER_PAGE:
        return BoardPage(sort_rows(rows, query.order))
    selected = sort_rows(query.select(rows), query.order)
    last = max(1, -(-len(selected) // ROWS_PER_PAGE))
    page = min(query.page, last)
    first = (page - 1) * ROWS_PER_PAGE
    shown = selected[first : first + ROWS_PER_PAGE]
    previous = query.get_url("/", page=page - 1, shown=()) if page > 1 else None
    following = query.get_url("/", page=page + 1, shown=()) if page < last else None
    count = pluralize(len(selected), "pipeline")
    text = count if last == 1 else f"{first + 1:,} to {first + len(shown):,} of {count}"
    return BoardPage(shown, BoardRange(text, previous, following))


def find_live_rows(rows: Sequence[BoardRow], page: BoardPage, query: BoardQuery) -> Sequence[BoardRow]:
    """Return the rows that an open page shows: those of its page, or those that it named if it is sorted, in their places."""
    if not query.shown or page.range is None:
        return page.rows
    places = {id: place for place, id in enumerate(query.shown)}
    return sorted((row for row in rows if row.pipeline.id in places), key=lambda row: places[row.pipeline.id])
