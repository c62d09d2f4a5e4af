"""Telemetry in memory. Spans nest by the block in which they are opened, as real ones do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from application.observability.metrics import TAGS, Metric
from application.ports.telemetry.telemetry import Span, Tag, TraceContext, get_trace_id

_current: ContextVar["FakeSpan | None"] = ContextVar("current", default=None)


@dataclass
class FakeSpan:
    name: str
    resource: str
    number: int
    trace: int
    parent: TraceContext
    links: Sequence[TraceContext]
    tags: dict[str, Tag] = field(default_factory=dict)
    error: tuple[str, str, str] | None = None
    is_finished: bool = False

    @property
    def context(self) -> TraceContext:
        return {"traceparent": f"00-{self.trace:032x}-{self.number:016x}-01"}

    def tag(self, **tags: Tag) -> None:
        self.tags |= {name: value for name, value in tags.items() if value is not None}

    def fail(self, kind: str, message: str, detail: str = "") -> None:
        self.error = (kind, message, detail)


class FakeTelemetry:
    """`recorded` holds (metric, value, tags) in order. Tags that the registry does not name for the metric fail an assertion."""

    def __init__(self) -> None:
        self.spans: list[FakeSpan] = []
        self.recorded: list[tuple[Metric, float, dict[str, Tag]]] = []
        self.dropped_traces = 0

    @property
    def is_on(self) -> bool:
        return True

    @contextmanager
    def span(
        self, name: str, resource: str, *, parent: TraceContext | None = None, links: Sequence[TraceContext] = (), **tags: Tag
    ) -> Iterator[Span]:
        above = self.context() if parent is None else parent
        number = len(self.spans) + 1
        trace = int(get_trace_id(above) or f"{number:x}", 16)
        span = FakeSpan(name, resource, number, trace, above, list(links))
        span.tag(**tags)
        self.spans.append(span)
        token = _current.set(span)
        try:
            yield span
        except Exception as error:
            span.fail(type(error).__name__, str(error))
            raise
        finally:
            span.is_finished = True
            _current.reset(token)

    @contextmanager
    def use_context(self, context: TraceContext) -> Iterator[None]:
        if get_trace_id(context) is None:
            yield
            return
        _, trace, number, _ = context["traceparent"].split("-")
        token = _current.set(FakeSpan("remote", "remote", int(number, 16), int(trace, 16), {}, []))
        try:
            yield
        finally:
            _current.reset(token)

    def context(self) -> TraceContext:
        current = _current.get()
        return current.context if current else {}

    def drop_current_trace(self) -> None:
        self.dropped_traces += 1

    def count(self, metric: Metric, value: int = 1, **tags: Tag) -> None:
        self._record(metric, value, tags)

    def distribution(self, metric: Metric, value: float, **tags: Tag) -> None:
        self._record(metric, value, tags)

    def gauge(self, metric: Metric, value: float, **tags: Tag) -> None:
        self._record(metric, value, tags)

    def log_context(self) -> Mapping[str, str]:
        current = _current.get()
        return {"dd.trace_id": f"{current.trace:032x}", "dd.span_id": str(current.number)} if current else {}

    def flush(self, seconds: float) -> None:
        return

    def of(self, metric: Metric) -> list[tuple[float, dict[str, Tag]]]:
        """Return what was recorded of one metric."""
        return [(value, tags) for recorded, value, tags in self.recorded if recorded is metric]

    def _record(self, metric: Metric, value: float, tags: dict[str, Tag]) -> None:
        assert set(tags) <= set(TAGS[metric]), f"{metric} takes no {set(tags) - set(TAGS[metric])}"
        self.recorded.append((metric, value, tags))
