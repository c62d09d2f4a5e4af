"""Spans, metrics and the trace context of log lines."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from application.observability.metrics import Metric

TraceContext = Mapping[str, str]
"""A position in a trace as W3C headers, stored with a run and passed to its processes."""

Tag = str | int | float | bool | None
"""The value of a tag. None omits the tag."""

NO_PARENT: TraceContext = {}
"""The parent of a span that starts a new trace."""


class Span(Protocol):
    """A span that ends with its `with` block. An exception that leaves the block marks it as an error."""

    @property
    def context(self) -> TraceContext:
        """The parent of spans below this one; empty if tracing is off."""
        ...

    def tag(self, **tags: Tag) -> None: ...

    def fail(self, kind: str, message: str, detail: str = "") -> None:
        """Mark the span as an error. `detail` is shown below the message, e.g. the last lines of a log."""
        ...


class Telemetry(Protocol):
    """Sends telemetry. Never blocks and never raises, even if the agent is absent or slow."""

    @property
    def is_on(self) -> bool:
        """False if telemetry is not sent, so that nothing needs to be instrumented."""
        ...

    def span(
        self, name: str, resource: str, *, parent: TraceContext | None = None, links: Sequence[TraceContext] = (), **tags: Tag
    ) -> AbstractContextManager[Span]:
        """Return a span around the block, below `parent` or the current span.

        `resource` must have few distinct values: a route template, a use case or a stage name. `links` are related spans of other traces.
        """
        ...

    def use_context(self, context: TraceContext) -> AbstractContextManager[None]:
        """Make `context` the parent of the spans in the block, unless it is empty."""
        ...

    def context(self) -> TraceContext:
        """Return the context of the current span; empty if there is none."""
        ...

    def drop_current_trace(self) -> None:
        """Exclude the current request from tracing, e.g. a probe or a stream that stays open for hours."""
        ...

    def count(self, metric: Metric, value: int = 1, **tags: Tag) -> None: ...

    def distribution(self, metric: Metric, value: float, **tags: Tag) -> None:
        """Record a value of a distribution. Times are in seconds."""
        ...

    def gauge(self, metric: Metric, value: float, **tags: Tag) -> None: ...

    def log_context(self) -> Mapping[str, str]:
        """Return `dd.trace_id` and `dd.span_id` of the current span for a log line; empty if there is none."""
        ...

    def flush(self, seconds: float) -> None:
        """Send what is buffered, within this many seconds, before the process ends."""
        ...


def get_dispatch_trace_context(trace: TraceContext, epoch: int) -> tuple[TraceContext, Sequence[TraceContext]]:
    """Return the parent and the links of a dispatch's spans. The first dispatch continues the trace of the trigger; later ones start their
    own traces and link to it."""
    if epoch == 1:
        return trace, []
    return NO_PARENT, [trace] if trace else []


def get_trace_id(context: TraceContext) -> str | None:
    """Return the id of the trace, 32 hexadecimal digits; None if there is none."""
    parts = context.get("traceparent", "").split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else None
