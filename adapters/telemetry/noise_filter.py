"""What is not worth a trace: polling, probes, heartbeats, and streams that stay open for hours."""

from __future__ import annotations

from typing import Any

from ddtrace.trace import Span, TraceFilter

QUIET_TAG = "headgate.quiet"
NO_ROUTE = "(no route)"
_REQUEST = "fastapi.request"
_ASKED_FOR = ("headgate.", _REQUEST)


class NoiseFilter(TraceFilter):  # type: ignore[misc]
    """Drops what nobody asked for, and gives requests that no route took one name, lest every scanned address become a resource."""

    def process_trace(self, trace: list[Span]) -> list[Span] | None:
        root: Any = trace[0]._local_root or trace[0]
        if not root.name.startswith(_ASKED_FOR) or root.get_tag(QUIET_TAG):
            return None
        if root.name == _REQUEST and not root.get_tag("http.route"):
            root.resource = f"{root.resource.partition(' ')[0]} {NO_ROUTE}"
        return trace
