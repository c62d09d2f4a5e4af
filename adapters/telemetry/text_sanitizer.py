"""Text that has bytes: half of a surrogate pair, in an error or in a stage's last lines, would break what sends it."""

from __future__ import annotations

from ddtrace.trace import Span, TraceFilter


class TextSanitizer(TraceFilter):  # type: ignore[misc]
    """Before a trace is encoded, which happens where its last span ends: in the middle of somebody's request."""

    def process_trace(self, trace: list[Span]) -> list[Span]:
        for span in trace:
            span.resource = _text(span.resource)
            for name, value in span.get_tags().items():
                if (sent := _text(value)) is not value:
                    span.set_tag(name, sent)
        return trace


def _text(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
