"""Request headers and OpenAPI descriptions of routes with a live stream."""

from typing import Any

from fastapi import Request

from domain.errors import InvalidInput
from entrypoints.http.ids import parse_id
from entrypoints.http.streaming.event_stream import SSE_MEDIA_TYPE


def accepts_sse(request: Request) -> bool:
    """Return True if the client asks for server-sent events."""
    return SSE_MEDIA_TYPE in request.headers.get("accept", "")


def get_last_event_id(request: Request) -> str | None:
    """Return the id from which a reconnecting client resumes."""
    return request.headers.get("last-event-id") or None


def parse_resume_position(request: Request, after: int | None) -> int:
    """Return the number after which a stream starts. `Last-Event-ID` is more recent than the URL that the client first opened."""
    last = get_last_event_id(request)
    if last is None:
        return after or 0
    number = parse_id(last)
    if number is None:
        raise InvalidInput.for_field("Last-Event-ID", "must be an event id of this stream")
    return number


def describe_text(media_type: str, example: str) -> dict[str, Any]:
    """Return the OpenAPI content of a response that is text."""
    return {media_type: {"schema": {"type": "string"}, "example": example}}
