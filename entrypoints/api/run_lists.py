"""A page of runs, of one pipeline or of all."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from starlette.responses import Response

from application.ports.readers import Reader
from application.queries.views import RunMark, RunView
from domain.errors import InvalidInput
from domain.status import Status
from entrypoints.api.cursors import Turn, cut, links, place_of
from entrypoints.api.etags import has_it, marks_tag, to_keep, unchanged
from entrypoints.api.texts import Texts


@dataclass(frozen=True, slots=True)
class RunPage:
    """Which runs are asked for, as the query says it."""

    pipeline_id: int | None
    status: str | None
    skip: int
    limit: int
    cursor: str | None
    trigger: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def run_list(request: Request, reads: Reader, asked: RunPage) -> Response:
    """Newest first; `why` only for runs that are over, which needs no further question."""
    place, turn = place_of(asked.cursor), Turn(rising=False)
    found = await reads.run_marks(
        pipeline_id=asked.pipeline_id,
        status=_status(asked.status),
        skip=asked.skip,
        limit=asked.limit + 1,
        above=place.above,
        below=place.below,
        trigger=asked.trigger,
        since=asked.since,
        until=asked.until,
    )
    page, more = cut(found, asked.limit, turn, place)
    headers = links(request, [mark.id for mark in page], turn, place, asked.skip, more)
    tag = marks_tag(page)
    if has_it(request, tag):
        return unchanged(tag, headers)
    texts: Texts[RunMark, RunView] = request.app.state.run_texts
    return Response(await texts.of(reads, page), media_type="application/json", headers=to_keep(tag, headers))


def _status(word: str | None) -> Status | None:
    try:
        return Status(word) if word is not None else None
    except ValueError:
        raise InvalidInput.of("status", "is one of " + ", ".join(Status)) from None
