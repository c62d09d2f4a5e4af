"""A page of runs, of one pipeline or of all."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from starlette.responses import Response

from application.ports.queries.reader import Reader
from application.queries.views.runs import RunStateVersion, RunView
from domain.errors import InvalidInput
from domain.runs.status import Status
from entrypoints.api.shared.etags import cache_headers, etag_matches, not_modified, page_etag
from entrypoints.api.shared.list_cache import ListCache
from entrypoints.api.shared.pagination import SortOrder, build_page_links, parse_cursor, take_page


@dataclass(frozen=True, slots=True)
class RunListQuery:
    """Which runs are asked for, as the query says it."""

    pipeline_id: int | None
    status: str | None
    skip: int
    limit: int
    cursor: str | None
    trigger: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def build_run_list(request: Request, reader: Reader, query: RunListQuery) -> Response:
    """Newest first; `why` only for runs that are over, which needs no further question."""
    position, order = parse_cursor(query.cursor), SortOrder(ascending=False)
    found = await reader.run_marks(
        pipeline_id=query.pipeline_id,
        status=_status(query.status),
        skip=query.skip,
        limit=query.limit + 1,
        above=position.above,
        below=position.below,
        trigger=query.trigger,
        since=query.since,
        until=query.until,
    )
    page, more = take_page(found, query.limit, order, position)
    headers = build_page_links(request, [mark.id for mark in page], order, position, query.skip, more)
    tag = page_etag(page)
    if etag_matches(request, tag):
        return not_modified(tag, headers)
    texts: ListCache[RunStateVersion, RunView] = request.app.state.run_list_cache
    return Response(await texts.of(reader, page), media_type="application/json", headers=cache_headers(tag, headers))


def _status(word: str | None) -> Status | None:
    try:
        return Status(word) if word is not None else None
    except ValueError:
        raise InvalidInput.of("status", "is one of " + ", ".join(Status)) from None
