"""Lists of runs: of one pipeline or of all."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from starlette.responses import Response

from application.ports.queries.reader import Reader
from application.queries.explain.explanation import explain_outcome
from application.queries.views.runs import RunStateVersion, RunView
from domain.runs.status import Status
from entrypoints.api.runs.models import RunResponse
from entrypoints.api.shared.etags import etag_matches, not_modified, page_etag
from entrypoints.api.shared.list_cache import ListCache
from entrypoints.api.shared.pagination import SortOrder, build_page_links, parse_cursor, take_page

RunListCache = ListCache[RunStateVersion, RunView]


@dataclass(frozen=True, slots=True)
class RunListQuery:
    """The filters and the page that a request selects."""

    pipeline_id: int | None
    status: Status | None
    skip: int
    limit: int
    cursor: str | None
    trigger: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_run_page(request: Request, reader: Reader, query: RunListQuery) -> Response:
    """Return a page of runs, newest first. `why` is set only for runs that have ended: it needs no further query."""
    position, order = parse_cursor(query.cursor), SortOrder(ascending=False)
    found = await reader.run_state_versions(
        pipeline_id=query.pipeline_id,
        status=query.status,
        skip=query.skip,
        limit=query.limit + 1,
        above=position.above,
        below=position.below,
        trigger=query.trigger,
        since=query.since,
        until=query.until,
    )
    page, has_more = take_page(found, query.limit, order, position)
    headers = build_page_links(request, [version.id for version in page], order, position, query.skip, has_more)
    etag = page_etag(page)
    if etag_matches(request, etag):
        return not_modified(etag, headers)
    cache: RunListCache = request.app.state.run_list_cache
    return await cache.respond(reader, page, etag, headers)


def create_run_list_cache() -> RunListCache:
    """Return an empty cache of the runs in lists."""
    return ListCache(
        lambda reader, ids: reader.get_runs_by_id(ids),
        lambda run: RunStateVersion(run.id, run.last_seq, run.pipeline, ",".join(run.flow_run_ids)),
        lambda run: RunResponse.from_view(run, explain_outcome(run)),
    )
