"""Parses the URL of the board and selects its rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from application.queries.views.pipelines import BoardRow
from domain.runs.status import Status
from entrypoints.web.view_models.formatting import pluralize
from entrypoints.web.view_models.pipelines.board import build_searchable_item

ROWS_PER_PAGE: Final = 100
"""A board of more pipelines is filtered by the server and shown in pages."""
MAX_WORDS_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """Words, a status and a tag that the rows have, and a page from 1 on. `archived`: the rows are the archived pipelines."""

    words: str = ""
    status: str = ""
    tag: str = ""
    page: int = 1
    archived: bool = False

    @classmethod
    def parse(cls, q: str, status: str, tag: str, page: str, archived: str = "") -> "BoardQuery":
        """Parse query parameters. Invalid values are ignored."""
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 1
        return cls(q.strip().lower()[:MAX_WORDS_LENGTH], status if status in list(Status) else "", tag, max(1, number), archived == "only")

    def has_tag(self, row: BoardRow) -> bool:
        """Return whether the row has the tag."""
        return not self.tag or self.tag in row.pipeline.definition.tags

    def select(self, rows: Sequence[BoardRow]) -> Sequence[BoardRow]:
        """Return the rows that have these words and this status."""
        if not self.words and not self.status:
            return rows
        return [row for row in rows if build_searchable_item(row.pipeline).matches(self.status, self.words)]

    def get_url(self, path: str, *, status: str | None = None, page: int | None = None) -> str:
        """Return a URL with this query, without the parameters that have no effect. A given status or page replaces the query's own."""
        query = replace(self, status=self.status if status is None else status, page=self.page if page is None else page)
        parameters = {"q": query.words, "status": query.status, "tag": query.tag, "page": query.page if query.page > 1 else ""}
        parameters["archived"] = "only" if query.archived else ""
        encoded = urlencode({key: value for key, value in parameters.items() if value})
        return f"{path}?{encoded}" if encoded else path


@dataclass(frozen=True, slots=True)
class BoardRange:
    """The rows that a paged board shows, and the URLs of its neighbours."""

    text: str
    previous: str | None
    next: str | None


@dataclass(frozen=True, slots=True)
class BoardPage:
    """The rows to show. `range` is None if the board is not paged."""

    rows: Sequence[BoardRow]
    range: BoardRange | None = None


def choose_rows(rows: Sequence[BoardRow], query: BoardQuery) -> BoardPage:
    """Return all rows of a small board, which the page's script filters, or one page of those that the query selects."""
    if len(rows) <= ROWS_PER_PAGE:
        return BoardPage(rows)
    selected = query.select(rows)
    last = max(1, -(-len(selected) // ROWS_PER_PAGE))
    page = min(query.page, last)
    first = (page - 1) * ROWS_PER_PAGE
    shown = selected[first : first + ROWS_PER_PAGE]
    previous = query.get_url("/", page=page - 1) if page > 1 else None
    following = query.get_url("/", page=page + 1) if page < last else None
    count = pluralize(len(selected), "pipeline")
    text = count if last == 1 else f"{first + 1:,} to {first + len(shown):,} of {count}"
    return BoardPage(shown, BoardRange(text, previous, following))
