"""Export the audit log as JSON lines or as CSV."""

import csv
import io
from collections.abc import AsyncIterator

import orjson

from application.queries.access.access_queries import AccessQueries
from domain.access.audit import AuditEntry
from entrypoints.api.access.models import AuditEntryResponse
from entrypoints.http.json_response import encode_json

PAGE_SIZE = 1_000
COLUMNS = tuple(AuditEntryResponse.model_fields)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


async def read_pages(queries: AccessQueries) -> AsyncIterator[list[AuditEntry]]:
    """Yield all entries, newest first. Each page is a transaction of its own, so a long export holds none open."""
    before: int | None = None
    while True:
        entries = await queries.list_audit_entries(PAGE_SIZE, before)
        if not entries:
            return
        yield entries
        before = entries[-1].id


async def encode_lines(pages: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[bytes]:
    """Yield one JSON object a line."""
    async for entries in pages:
        yield b"".join(encode_json(AuditEntryResponse.from_view(entry)) + b"\n" for entry in entries)


async def encode_csv(pages: AsyncIterator[list[AuditEntry]]) -> AsyncIterator[str]:
    """Yield CSV with a header line."""
    yield ",".join(COLUMNS) + "\r\n"
    async for entries in pages:
        text = io.StringIO()
        writer = csv.writer(text)
        for entry in entries:
            row = AuditEntryResponse.from_view(entry).model_dump()
            writer.writerow([_escape_formula(row[name]) for name in COLUMNS])
        yield text.getvalue()


def _escape_formula(value: object) -> str:
    """Return the cell's text, quoted if a spreadsheet would run it as a formula."""
    text = value if isinstance(value, str) else "" if value is None else orjson.dumps(value, option=orjson.OPT_UTC_Z).decode().strip('"')
    return f"'{text}" if text[:1] in _FORMULA_STARTS else text
