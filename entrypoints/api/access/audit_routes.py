"""The audit log: who did what, when, from where."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Annotated, Literal
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from application.queries.access.access_queries import AccessQueries
from domain.access.audit import AuditAction, AuditEntry
from entrypoints.api.access import examples as examples
from entrypoints.api.access.models import AuditEntryResponse, entry_json
from entrypoints.api.shared.dependencies import ApplicationDep
from entrypoints.api.shared.openapi import answers, problem_responses, text_content
from entrypoints.http.auth.permissions import ADMIN, requires
from entrypoints.http.ids import MAX_ID
from entrypoints.http.json_response import JsonResponse

router = APIRouter(tags=["access"])
_EXPORT_PAGE_SIZE = 1_000
_COLUMNS = ("id", "at", "deed", "who", "way", "address", "thing", "details")
BeforeFilter = Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only entries with a smaller id: the last one of the page before.")]
Limit = Annotated[int, Query(ge=1, le=_EXPORT_PAGE_SIZE, description="How many at most.")]
ActorFilter = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Only what this person or token did.")]


@router.get(
    "/audit/",
    summary="Audit log",
    operation_id="list_audit",
    responses=answers(200, list[AuditEntryResponse], [examples.ENTRY], problems=(422, 503)),
)
@requires(ADMIN)
async def list_audit(
    application: ApplicationDep, limit: Limit = 100, before: BeforeFilter = None, deed: AuditAction | None = None, who: ActorFilter = None
) -> Response:
    """Newest first. `Link` leads to the next page."""
    entries = await application.access_queries().list_audit_entries(limit, before, deed, who)
    headers = {"Cache-Control": "no-store"}
    if len(entries) == limit:
        more = {"limit": limit, "before": entries[-1].id, "deed": deed, "who": who}
        query = urlencode({name: value for name, value in more.items() if value is not None})
        headers["Link"] = f'</audit/?{query}>; rel="next"'
    return JsonResponse([entry_json(entry) for entry in entries], headers=headers)


@router.get(
    "/audit/export",
    summary="The whole audit log",
    operation_id="export_audit",
    response_class=Response,
    responses={
        200: {
            "description": "As a file",
            "content": text_content("application/x-ndjson", orjson.dumps(examples.ENTRY).decode())
            | text_content("text/csv", "id,at,deed,who,way,address,thing,details"),
        },
        **problem_responses(422, 503),
    },
)
@requires(ADMIN)
async def export_audit(application: ApplicationDep, format: Literal["json", "csv"] = "json") -> Response:
    """Newest first, an object a line, or as CSV."""
    kind = "text/csv; charset=utf-8" if format == "csv" else "application/x-ndjson"
    ending = "csv" if format == "csv" else "jsonl"
    headers = {"Content-Disposition": f'attachment; filename="headgate-audit.{ending}"', "Cache-Control": "no-store"}
    pages = _pages(application.access_queries())
    return StreamingResponse(_as_csv(pages) if format == "csv" else _as_lines(pages), media_type=kind, headers=headers)


async def _pages(access_queries: AccessQueries) -> AsyncIterator[list[AuditEntry]]:
    """A transaction a page: an export of any length holds none open."""
    before: int | None = None
    while True:
        entries = await access_queries.list_audit_entries(_EXPORT_PAGE_SIZE, before)
        if not entries:
            return
        yield entries
        before = entries[-1].id


async def _as_lines(pages: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[bytes]:
    async for entries in pages:
        yield b"".join(orjson.dumps(entry_json(entry), option=orjson.OPT_UTC_Z) + b"\n" for entry in entries)


async def _as_csv(pages: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[str]:
    yield ",".join(_COLUMNS) + "\r\n"
    async for entries in pages:
        text = io.StringIO()
        writer = csv.writer(text)
        for entry in entries:
            row = entry_json(entry)
            writer.writerow([_escape_formula(row[name]) for name in _COLUMNS])
        yield text.getvalue()


def _escape_formula(value: object) -> str:
    """What a spreadsheet would take for a formula is text."""
    text = value if isinstance(value, str) else "" if value is None else orjson.dumps(value, option=orjson.OPT_UTC_Z).decode().strip('"')
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
