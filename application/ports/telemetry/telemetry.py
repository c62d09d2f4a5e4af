"""What is told of our own work while it happens: spans that make one trace, figures, and what a log line says of where it belongs."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from application.observability.metrics import Metric

TraceContext = Mapping[str, str]
"""A place in a trace as W3C headers, `traceparent` and perhaps `tracestate`: what is stored with a run and handed to its processes."""

Tag = str | int | float | bool | None
"""None leaves the tag out."""

NO_PARENT: TraceContext = {}
"""As a parent: the span begins a trace of its own."""


class Span(Protocol):
    """Something that takes time. It ends with its `with` block; an exception that leaves the block makes it an error."""

    @property
    def context(self) -> TraceContext:
        """Where a span below this one belongs; empty when nothing is traced."""
        ...

    def tag(self, **tags: Tag) -> None: ...

    def fail(self, kind: str, message: str, detail: str = "") -> None:
        """Mark it as an error. `detail` is what a reader sees below the message, such as the last lines of a log."""
        ...


class Telemetry(Protocol):
    """Never blocks, never raises, and costs next to nothing when it is off; an absent or slow agent is never felt."""

    @property
    def is_on(self) -> bool:
        """False when nothing is told to anybody: what observes need not be put on at all."""
        ...

    def span(
        self, name: str, resource: str, *, parent: TraceContext | None = None, links: Sequence[TraceContext] = (), **tags: Tag
    ) -> AbstractContextManager[Span]:
        """A span around the block: below `parent`, or below the span that is current when none is given.

        `resource` is one of few: a route's template, a use case, a stage's name. `links` are spans of other traces that led here.
        """
        ...

    def use_context(self, context: TraceContext) -> AbstractContextManager[None]:
        """Spans of the block belong below `context`, unless it is empty."""
        ...

    def context(self) -> TraceContext:
        """The current span's; empty without one."""
        ...

    def drop_current_trace(self) -> None:
        """Leave the request that is current out of the traces: a probe, or a stream that stays open for hours."""
        ...

    def count(self, metric: Metric, value: int = 1, **tags: Tag) -> None: ...

    def distribution(self, metric: Metric, value: float, **tags: Tag) -> None:
        """A value whose percentiles matter; seconds for times."""
        ...

    def gauge(self, metric: Metric, value: float, **tags: Tag) -> None: ...

    def log_context(self) -> Mapping[str, str]:
        """`dd.trace_id` and `dd.span_id` of the current span, for a log line; empty without one."""
        ...

    def flush(self, seconds: float) -> None:
        """Send what is still here, for at most so long: the process ends."""
        ...


def get_dispatch_trace_context(trace: TraceContext, epoch: int) -> tuple[TraceContext, Sequence[TraceContext]]:
    """Parent and links of what belongs to a dispatch: the first goes on in the trace of the trigger; a later one, after waiting, begins its
    own and links to it."""
    if epoch == 1:
        return trace, []
    return NO_PARENT, [trace] if trace else []


def get_trace_id(context: TraceContext) -> str | None:
    """The trace's id, 32 hexadecimal digits, as pages and log searches want it."""
    parts = context.get("traceparent", "").split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else None
