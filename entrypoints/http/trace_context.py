"""The W3C trace context of a request."""

import re

from fastapi import Request

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_MAX_TRACESTATE = 512


def get_trace_context(request: Request) -> dict[str, str]:
    """Return the headers `traceparent` and `tracestate` to pass on to the stages; empty without a valid `traceparent`."""
    parent = request.headers.get("traceparent", "")
    if not _TRACEPARENT.fullmatch(parent):
        return {}
    state = request.headers.get("tracestate", "")
    return {"traceparent": parent} | ({"tracestate": state} if state and state.isascii() and len(state) <= _MAX_TRACESTATE else {})
