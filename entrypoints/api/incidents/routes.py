"""Incidents: the list, and one with its timeline and deliveries."""

from typing import Annotated, Any, Final

from fastapi import Query, Request
from pydantic import BeforeValidator, WithJsonSchema
from starlette.responses import Response

from domain.alerts.incident import IncidentState
from domain.errors import InvalidInput, NotFound
from entrypoints.api.incidents.dependencies import IncidentId
from entrypoints.api.incidents.models import IncidentDetailResponse, IncidentResponse
from entrypoints.api.incidents.text import format_incidents
from entrypoints.api.schedules.tick_routes import PipelineFilter
from entrypoints.api.shared.dependencies import ReaderDep
from entrypoints.api.shared.pagination import PagePosition, build_link_header, parse_cursor
from entrypoints.api.shared.pipeline_filter import find_pipeline_id
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import Cursor, Limit
from entrypoints.api.shared.routing import create_router
from entrypoints.api.shared.streams import describe_text
from entrypoints.http.auth.permissions import READ, requires
from entrypoints.http.json_response import JsonResponse

router = create_router("incidents")
TEXT_MEDIA_TYPE: Final = "text/plain"


def _parse_state(value: Any) -> IncidentState:
    try:
        return IncidentState(value)
    except ValueError:
        raise ValueError("must be one of " + ", ".join(IncidentState)) from None


StateFilter = Annotated[
    list[
        Annotated[
            IncidentState,
            BeforeValidator(_parse_state),
            WithJsonSchema({"type": "string", "enum": [state.value for state in IncidentState]}),
        ]
    ],
    Query(description="Only incidents with this state. Can be repeated.", max_length=len(IncidentState)),
]


@router.get(
    "/incidents/",
    summary="List incidents",
    response_model=list[IncidentResponse],
    responses={
        200: {"content": describe_text(TEXT_MEDIA_TYPE, "ID   STATE   PIPELINE            SUMMARY\n")},
        **problems(404, 422, 503),
    },
)
@requires(READ)
async def list_incidents(
    request: Request,
    reader: ReaderDep,
    state: StateFilter = [],  # noqa: B006 FastAPI copies it
    pipeline: PipelineFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Return incidents of every state, newest first.

    The `Link` header points to the next page. With `Accept: text/plain`, return a table.
    """
    position = parse_cursor(cursor)
    if position.above is not None:
        raise InvalidInput.for_field("cursor", "must be a cursor from a Link header of this list")
    pipeline_id = await find_pipeline_id(reader, pipeline)
    found = await reader.incidents(limit + 1, states=state, pipeline_id=pipeline_id, before=position.below)
    page, has_more = found[:limit], len(found) > limit
    headers = {"Vary": "Accept", **(build_link_header(request, {"next": str(PagePosition(below=page[-1].id))}) if has_more else {})}
    if TEXT_MEDIA_TYPE in request.headers.get("accept", ""):
        return Response(format_incidents(page), media_type=f"{TEXT_MEDIA_TYPE}; charset=utf-8", headers=headers)
    return JsonResponse([IncidentResponse.from_view(view).model_dump() for view in page], headers=headers)


@router.get("/incidents/{incident_id}", summary="One incident", responses=problems(404, 422, 503))
@requires(READ)
async def get_incident(incident_id: IncidentId, reader: ReaderDep) -> IncidentDetailResponse:
    """Return an incident with its timeline, oldest first, and its deliveries: what was sent to which channel, and why other messages were
    not sent."""
    found = await reader.incident(incident_id)
    if found is None:
        raise NotFound("incident", incident_id)
    return IncidentDetailResponse.from_detail(found)
