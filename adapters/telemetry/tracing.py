"""Spans by ddtrace. Importing this imports ddtrace: half a second that only those pay who have an agent."""

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

_CARRIED = ("traceparent", "tracestate")
_MESSAGE_LIMIT = 2_000
_DETAIL_LIMIT = 16_000


class DatadogSpan:
    def __init__(self, span: TracedSpan) -> None:
        self._span = span

    @property
    def context(self) -> TraceContext:
        return _headers(self._span)

    def tag(self, **tags: Tag) -> None:
        for name, value in tags.items():
            if value is not None:
                self._span.set_tag(name, value if isinstance(value, str) else str(value))

    def fail(self, kind: str, message: str, detail: str = "") -> None:
        self._span.error = 1
        self._span.set_tag("error.type", kind)
        self._span.set_tag("error.message", message[:_MESSAGE_LIMIT])
        if detail:
            self._span.set_tag("error.stack", detail[-_DETAIL_LIMIT:])


class DatadogTracer:
    """The tracer of this process. Finished spans go out from a thread of ddtrace's, by a buffer that drops when it is full."""

    def __init__(self, process: str) -> None:
        self._process = process
        tracer.configure(trace_processors=[NoiseFilter(), TextSanitizer()])

    @contextmanager
    def span(
        self, name: str, resource: str, *, parent: TraceContext | None = None, links: Sequence[TraceContext] = (), **tags: Tag
    ) -> Iterator[Span]:
        before = tracer.context_provider.active()
        above = before if parent is None else _read(parent)
        raw = tracer.start_span(name, child_of=above, resource=resource, span_type="worker", activate=True)
        for link in links:
            if (linked := _read(link)) is not None:
                raw.link_span(linked)
        span = DatadogSpan(raw)
        span.tag(process=self._process, **tags)
        try:
            yield span
        except Exception as error:
            raw.set_exc_info(type(error), error, error.__traceback__)
            raise
        finally:
            raw.finish()
            tracer.context_provider.activate(before)

    @contextmanager
    def use_context(self, context: TraceContext) -> Iterator[None]:
        before = tracer.context_provider.active()
        if (above := _read(context)) is not None:
            tracer.context_provider.activate(above)
        try:
            yield
        finally:
            tracer.context_provider.activate(before)

    def context(self) -> TraceContext:
        active = tracer.context_provider.active()
        return {} if active is None else _headers(active)

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
    """Have the libraries of the web process make spans. Once, before any of them is imported."""
    # Not sqlalchemy beside psycopg, which would give every statement twice; not httpx, whose calls to Prefect belong to no trace.
    ddtrace.patch(raise_errors=True, fastapi=True, psycopg=True, jinja2=True, asyncio=True)


def _headers(of: TracedSpan | Context) -> dict[str, str]:
    carrier: dict[str, str] = {}
    HTTPPropagator.inject(of, carrier)
    return {name: carrier[name] for name in _CARRIED if carrier.get(name)}


def _read(context: TraceContext) -> Context | None:
    if not context:
        return None
    found = HTTPPropagator.extract(dict(context))
    return found if found.trace_id else None
