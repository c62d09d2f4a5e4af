"""ETags: what has not changed is not sent again, and an edit of what has changed is refused (RFC 9110 §13)."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Header, Request
from starlette.responses import Response

from application.queries.views.pipelines import PipelineStateVersion, PipelineView
from application.queries.views.runs import RunStateVersion, RunView
from entrypoints.http.json_response import JsonResponse

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e]*)"')
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The ETag of the pipeline as you have seen it: 412 when a newer revision was stored meanwhile."),
]


def pipeline_etag(pipeline: PipelineView) -> str:
    """Its revision, then how far its latest run is."""
    latest = f"{pipeline.latest.id}.{pipeline.latest.last_seq}" if pipeline.latest else "0.0"
    return f'"{pipeline.revision}.{latest}"'


def run_etag(run: RunView) -> str:
    """How far the run is. Weak: the sentence `why` counts the seconds, which is no change."""
    return f'W/"{run.id}.{run.last_seq}.{len(run.flow_run_ids)}.{int(run.unrecorded)}{int(run.refusal is not None)}"'


def etag_response(request: Request, content: Any, tag: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
    """The content with its ETag, by its bytes unless one is given; 304 without it when the caller has it already."""
    answer = JsonResponse(content)
    tag = tag or f'W/"{hashlib.blake2b(bytes(answer.body), digest_size=12).hexdigest()}"'
    if etag_matches(request, tag):
        return not_modified(tag, headers)
    answer.headers.update(cache_headers(tag, headers))
    return answer


def page_etag(marks: Sequence[PipelineStateVersion] | Sequence[RunStateVersion]) -> str:
    """How far all of a page is, known before any of it is read."""
    return f'W/"{hashlib.blake2b(repr(marks).encode(), digest_size=12).hexdigest()}"'


def etag_matches(request: Request, tag: str) -> bool:
    """The caller has what the tag stands for."""
    return _matches(request.headers.get("if-none-match"), tag)


def not_modified(tag: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status_code=304, headers=cache_headers(tag, headers))


def cache_headers(tag: str, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers, and those by which a caller may keep the answer and ask whether it still holds."""
    return {"ETag": tag, "Cache-Control": "no-cache", **(headers or {})}


def parse_expected_revisions(if_match: str | None) -> frozenset[int] | None:
    """The revisions an edit may follow; None when it may follow any. An ETag of ours begins with the revision, which alone counts."""
    if if_match is None or if_match.strip() == "*":
        return None
    first_parts = [tag.partition(".")[0] for tag in _TAG.findall(if_match)]
    return frozenset(int(part) for part in first_parts if part.isascii() and part.isdigit() and len(part) < 10)


def _matches(if_none_match: str | None, tag: str) -> bool:
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag.removeprefix("W/").strip('"') in _TAG.findall(if_none_match)
