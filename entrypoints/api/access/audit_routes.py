"""The audit log."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Query
from starlette.responses import Response, StreamingResponse

from domain.access.audit import AuditAction
from entrypoints.api.access.audit_export import COLUMNS, PAGE_SIZE, encode_csv, encode_lines, read_pages
from entrypoints.api.access.models import AUDIT_ENTRY_EXAMPLE, AuditEntryResponse
from entrypoints.api.shared.dependencies import ApplicationDep
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import ApiRoute, create_router
from entrypoints.api.shared.streams import describe_text
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.base_path import link
from entrypoints.http.ids import MAX_ID
from entrypoints.http.json_response import encode_json

router = create_router("access", route_class=ApiRoute)
JSON_LINES = "application/x-ndjson"
BeforeFilter = Annotated[
    int | None, Query(ge=1, le=MAX_ID, description="Only entries with a smaller id. Send the last id of the previous page.")
]
AuditLimit = Annotated[int, Query(ge=1, le=PAGE_SIZE, description="Maximum number of entries to return.")]
ActorFilter = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Only actions of this user or token.")]


@router.get("/audit/", summary="List audit entries", responses=problems(422, 503))
@requires(ADMIN)
async def list_audit(
    application: ApplicationDep,
    response: Response,
    limit: AuditLimit = 100,
    before: BeforeFilter = None,
    deed: AuditAction | None = None,
    who: ActorFilter = None,
) -> list[AuditEntryResponse]:
    """Return the entries, newest first. The `Link` header points to the next page."""
    entries = await application.access_queries().list_audit_entries(limit, before, deed, who)
    if len(entries) == limit:
        parameters = {"limit": limit, "before": entries[-1].id, "deed": deed, "who": who}
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        response.headers["Link"] = f'<{link("/audit/")}?{query}>; rel="next"'
    return [AuditEntryResponse.from_view(entry) for entry in entries]


@router.get(
    "/audit/export",
    summary="Export the audit log",
    response_class=Response,
    responses={
        200: {
            "description": "The log as a file",
            "content": describe_text(JSON_LINES, encode_json(AUDIT_ENTRY_EXAMPLE).decode()) | describe_text("text/csv", ",".join(COLUMNS)),
        },
        **problems(422, 503),
    },
)
@requires(ADMIN)
async def export_audit(application: ApplicationDep, format: Literal["json", "csv"] = "json") -> Response:
    """Return all entries, newest first, as one JSON object a line or as CSV."""
    pages = read_pages(application.access_queries())
    if format == "csv":
        return StreamingResponse(encode_csv(pages), media_type="text/csv; charset=utf-8", headers=_name_file("csv"))
    return StreamingResponse(encode_lines(pages), media_type=JSON_LINES, headers=_name_file("jsonl"))


def _name_file(suffix: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="headgate-audit.{suffix}"'}
