"""Spans with ddtrace. Importing this module imports ddtrace, which takes half a second, so only processes with an agent do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import ddtrace
from ddtrace.propagation.http import HTTPPropagator
from ddtrace.trace import Context, tracer
from ddtrace.trace import Span as TracedSpan

from adapters.telemetry.noise_filter import QUIET_TAG, NoiseFilter
from adapters.telemetry.text_sanitizer import TextSanitizer
from application.ports.telemetry.telemetry import Span, Tag, TraceContext

_CONTEXT_HEADERS = ("traceparent", "tracestate")
_MAX_MESSAGE_LENGTH = 2_000
_MAX_DETAIL_LENGTH = 16_000


class DatadogSpan:
    def __init__(self, span: TracedSpan) -> None:
        self._span = span

    @property
    def context(self) -> TraceContext:
        return _to_headers(self._span)

    def tag(self, **tags: Tag) -> None:
        for name, value in tags.items():
            if value is not None:
                self._span.set_tag(name, value if isinstance(value, str) else str(value))

    def fail(self, kind: str, message: str, detail: str = "") -> None:
        self._span.error = 1
        self._span.set_tag("error.type", kind)
        self._span.set_tag("error.message", message[:_MAX_MESSAGE_LENGTH])
        if detail:
            self._span.set_tag("error.stack", detail[-_MAX_DETAIL_LENGTH:])


class DatadogTracer:
    """The tracer of this process. A thread of ddtrace sends finished spans from a buffer that drops spans when it is full."""

    def __init__(self, process: str) -> None:
        self._process = process
        tracer.configure(trace_processors=[NoiseFilter(), TextSanitizer()])

    @contextmanager
    def span(
        self, name: str, resource: str, *, parent: TraceContext | None = None, links: Sequence[TraceContext] = (), **tags: Tag
    ) -> Iterator[Span]:
        previous = tracer.context_provider.active()
        parent_context = previous if parent is None else _to_context(parent)
        raw_span = tracer.start_span(name, child_of=parent_context, resource=resource, span_type="worker", activate=True)
        for link in links:
            if (linked_context := _to_context(link)) is not None:
                raw_span.link_span(linked_context)
        span = DatadogSpan(raw_span)
        span.tag(process=self._process, **tags)
        try:
            yield span
        except Exception as error:
            raw_span.set_exc_info(type(error), error, error.__traceback__)
            raise
        finally:
            raw_span.finish()
            tracer.context_provider.activate(previous)

    @contextmanager
    def use_context(self, context: TraceContext) -> Iterator[None]:
        previous = tracer.context_provider.active()
        if (parent_context := _to_context(context)) is not None:
            tracer.context_provider.activate(parent_context)
        try:
            yield
        finally:
            tracer.context_provider.activate(previous)

    def context(self) -> TraceContext:
        active = tracer.context_provider.active()
        return {} if active is None else _to_headers(active)

    def drop_current_trace(self) -> None:
        if (root := tracer.current_root_span()) is not None:
            root.set_tag(QUIET_TAG, "yes")

    def log_context(self) -> Mapping[str, str]:
        active = tracer.context_provider.active()
        if active is None or not active.trace_id:
            return {}
        return {"dd.trace_id": f"{active.trace_id:032x}", "dd.span_id": str(active.span_id)}

    def flush(self, seconds: float) -> None:
        tracer.shutdown(timeout=seconds)


def patch_web_libraries() -> None:
    """Make the libraries of the web process create spans. Call it once, before they are imported."""
    # Not sqlalchemy, because psycopg already traces every statement; not httpx, because calls to Prefect belong to no trace.
    ddtrace.patch(raise_errors=True, fastapi=True, psycopg=True, jinja2=True, asyncio=True)


def _to_headers(source: TracedSpan | Context) -> dict[str, str]:
    carrier: dict[str, str] = {}
    HTTPPropagator.inject(source, carrier)
    return {name: carrier[name] for name in _CONTEXT_HEADERS if carrier.get(name)}


def _to_context(context: TraceContext) -> Context | None:
    if not context:
        return None
    extracted = HTTPPropagator.extract(dict(context))
    return extracted if extracted.trace_id else None
