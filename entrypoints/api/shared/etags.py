"""ETags: unchanged content is not sent again, and an edit of a stale revision is refused (RFC 9110 §13)."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Header, Request
from starlette.responses import Response

from application.queries.views.pipelines import PipelineStateVersion, PipelineView
from application.queries.views.runs import RunStateVersion, RunView

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The ETag of the pipeline that you have edited: 412 if a newer revision has been stored."),
]


def pipeline_etag(pipeline: PipelineView) -> str:
    """Return the ETag of a pipeline: its revision, the last event of its latest run, and how often it was paused, archived and so on."""
    latest = f"{pipeline.latest.id}.{pipeline.latest.last_seq}" if pipeline.latest else "0.0"
    return f'"{pipeline.revision}.{latest}.{pipeline.activation.changes}"'


def run_etag(run: RunView) -> str:
    """Return the weak ETag of a run's state. The seconds counted in `why` do not change it."""
    return f'W/"{run.id}.{run.last_seq}.{len(run.flow_run_ids)}.{int(run.unrecorded)}{int(run.refusal is not None)}"'


def page_etag(versions: Sequence[PipelineStateVersion] | Sequence[RunStateVersion]) -> str:
    """Return the weak ETag of a list's page, from the versions of its items."""
    return weak_etag(repr(versions).encode())


def etag_matches(request: Request, etag: str) -> bool:
    """Return True if the request's `If-None-Match` names the ETag."""
    if_none_match = request.headers.get("if-none-match")
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag.removeprefix("W/").strip('"') in _TAG.findall(if_none_match)


def make_conditional(request: Request, response: Response) -> Response:
    """Add an ETag to a JSON response if its route has set none; return 304 if the request names it."""
    if response.status_code != 200 or response.headers.get("content-type") != "application/json":
        return response
    headers = response.headers
    etag = headers.get("etag") or weak_etag(bytes(response.body))
    if etag_matches(request, etag):
        return not_modified(etag, {"Link": headers["link"]} if "link" in headers else {})
    headers.update(cache_headers(etag))
    return response


def not_modified(etag: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return 304 with the given headers."""
    return Response(status_code=304, headers=cache_headers(etag, headers))


def cache_headers(etag: str, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the headers, and those that let a client keep the response and revalidate it."""
    return {"ETag": etag, "Cache-Control": "no-cache", **(headers or {})}


def parse_expected_revisions(if_match: str | None) -> frozenset[int] | None:
    """Return the revisions that an edit may follow, from the ETags in `If-Match`; None if it may follow any."""
    if if_match is None or if_match.strip() == "*":
        return None
    first_parts = [tag.partition(".")[0] for tag in _TAG.findall(if_match)]
    return frozenset(int(part) for part in first_parts if part.isascii() and part.isdigit() and len(part) < 10)


def weak_etag(content: bytes) -> str:
    """Return the weak ETag of a content."""
    return f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
