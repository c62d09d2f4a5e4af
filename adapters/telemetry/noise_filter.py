"""Drops traces that are not worth storing: polling, probes, heartbeats and long streams."""

from __future__ import annotations

from typing import Any

from ddtrace.trace import Span, TraceFilter

QUIET_TAG = "headgate.quiet"
NO_ROUTE = "(no route)"
_REQUEST_SPAN = "fastapi.request"
_KEPT_PREFIXES = ("headgate.", _REQUEST_SPAN)


class NoiseFilter(TraceFilter):  # type: ignore[misc]
    """Keeps traces that start with a request or one of Headgate's own spans, unless they are tagged as quiet.

    Requests without a route share one resource name, so that scanners do not create a resource per URL.
    """

    def process_trace(self, trace: list[Span]) -> list[Span] | None:
        root: Any = trace[0]._local_root or trace[0]
        if not root.name.startswith(_KEPT_PREFIXES) or root.get_tag(QUIET_TAG):
            return None
        if root.name == _REQUEST_SPAN and not root.get_tag("http.route"):
            root.resource = f"{root.resource.partition(' ')[0]} {NO_ROUTE}"
        return trace
