"""Replaces text that cannot be encoded as UTF-8."""

from __future__ import annotations

from ddtrace.trace import Span, TraceFilter


class TextSanitizer(TraceFilter):  # type: ignore[misc]
    """Sanitizes a trace before it is encoded.

    A lone surrogate, in an error message or in a stage's log, would raise in the encoder, in the middle of a request.
    """

    def process_trace(self, trace: list[Span]) -> list[Span]:
        for span in trace:
            span.resource = _sanitize(span.resource)
            for name, value in span.get_tags().items():
                if (sanitized := _sanitize(value)) is not value:
                    span.set_tag(name, sanitized)
        return trace


def _sanitize(text: str) -> str:
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
