"""The ticks of all schedules."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BeforeValidator, WithJsonSchema
from starlette.responses import Response

from application.ports.queries.reader import TickListQuery
from domain.schedules.tick import TickState
from entrypoints.api.schedules.models import TickResponse
from entrypoints.api.shared.dependencies import ReaderDep
from entrypoints.api.shared.models import parse_timestamp
from entrypoints.api.shared.pagination import SortOrder, build_page_links, parse_cursor, take_page
from entrypoints.api.shared.pipeline_filter import find_pipeline_id
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import Cursor, Limit
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import READ, requires

router = create_router("schedules")


def _parse_state(value: Any) -> TickState | None:
    try:
        return TickState(value) if value is not None else None
    except ValueError:
        raise ValueError("must be one of " + ", ".join(TickState)) from None


_Timestamp = Annotated[datetime | None, BeforeValidator(parse_timestamp), WithJsonSchema({"type": "string", "format": "date-time"})]
PipelineFilter = Annotated[
    str | None, Query(max_length=100, pattern=r"^[^\x00]*$", description="Only ticks of this pipeline: its id or name.")
]
StateFilter = Annotated[
    TickState | None,
    BeforeValidator(_parse_state),
    WithJsonSchema({"type": "string", "enum": [state.value for state in TickState]}),
    Query(description="Only ticks with this state."),
]
From = Annotated[_Timestamp, Query(alias="from", description="Only ticks due at this time or later.")]
To = Annotated[_Timestamp, Query(description="Only ticks due before this time.")]


@router.get("/ticks/", summary="List ticks", responses=problems(404, 422, 503))
@requires(READ)
async def list_ticks(
    request: Request,
    response: Response,
    reader: ReaderDep,
    pipeline: PipelineFilter = None,
    state: StateFilter = None,
    since: From = None,
    to: To = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> list[TickResponse]:
    """Return the ticks of all schedules, the last decided first.

    A tick that opened no run says why. The `Link` header points to the next page.
    """
    position, order = parse_cursor(cursor), SortOrder(ascending=False)
    pipeline_id = await find_pipeline_id(reader, pipeline)
    query = TickListQuery(
        limit=limit + 1, pipeline_id=pipeline_id, state=state, since=since, until=to, above=position.above, below=position.below
    )
    page, has_more = take_page(await reader.ticks(**query), limit, order, position)
    response.headers.update(build_page_links(request, [tick.id for tick in page], order, position, 0, has_more))
    return [TickResponse.from_view(tick) for tick in page]
